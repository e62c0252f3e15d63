import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { countersign, end2end, run, type Outcome } from "./command.ts";
import { rememberLog } from "./secrets.ts";

const repository = resolve(end2end, "..");

/** How one server under test is set up. */
export interface ServerOptions {
  /** The port of the SMTP server to send by; without one, mails stay in the local mailbox at `/dev/mail`. */
  readonly smtpPort?: number;
  /** Who may create organizations. */
  readonly organizations?: "open" | "first" | "closed";
  /** Whom a closed page names. */
  readonly contact?: string;
  /** Where people reach it, when that is a proxy on this machine; without it, its own port of localhost. */
  readonly origin?: string;
}

/** A running Countersign with a port and a database of its own. */
export class Server {
  /** Where people reach it. */
  readonly origin: string;
  /** Where it listens. */
  readonly address: string;
  #process: ChildProcess;
  readonly #dataDir: string;
  readonly #environment: NodeJS.ProcessEnv;
  #output = "";
  #ended = false;

  private constructor(origin: string, address: string, process: ChildProcess, dataDir: string, environment: NodeJS.ProcessEnv) {
    this.origin = origin;
    this.address = address;
    this.#environment = environment;
    this.#process = process;
    this.#dataDir = dataDir;
    this.#watch(process);
  }

  #watch(process: ChildProcess): void {
    this.#process = process;
    this.#ended = false;
    const keep = (chunk: Buffer): void => {
      this.#output += chunk.toString("utf8");
    };
    process.stdout?.on("data", keep);
    process.stderr?.on("data", keep);
    process.on("exit", () => {
      this.#ended = true;
    });
    process.on("error", (error) => {
      this.#ended = true;
      this.#output += String(error);
    });
  }

  /** Starts a server and waits until it answers that it is healthy. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const port = await freePort();
    const address = `http://127.0.0.1:${port}`;
    const origin = options.origin ?? `http://localhost:${port}`;
    const dataDir = await mkdtemp(join(tmpdir(), "countersign-end2end-"));
    const environment = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("COUNTERSIGN_"))),
      COUNTERSIGN_ORIGIN: origin,
      COUNTERSIGN_LISTEN: `127.0.0.1:${port}`,
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_SITE_ROOT: resolve(end2end, process.env["COUNTERSIGN_SITE_ROOT"] ?? "../target/site"),
      COUNTERSIGN_MAIL_FROM: "Countersign <countersign@example.org>",
      COUNTERSIGN_REQUESTS_PER_MINUTE: "100000",
      COUNTERSIGN_MAILS_PER_HOUR: "100000",
      COUNTERSIGN_INVITATIONS_PER_HOUR: "100000",
      COUNTERSIGN_ORGANIZATIONS: options.organizations ?? "open",
      // Whatever is logged is looked through after the run.
      COUNTERSIGN_LOG: "info,app=trace,server=trace,tower_http=trace,sqlx=warn,webauthn_rs=error,webauthn_rs_core=off",
      ...(options.smtpPort === undefined ? {} : { COUNTERSIGN_SMTP_URL: `smtp://localhost:${options.smtpPort}` }),
      ...(options.contact === undefined ? {} : { COUNTERSIGN_CONTACT: options.contact }),
      ...(options.origin === undefined ? {} : { COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1" }),
    };
    const server = new Server(origin, address, launch(environment), dataDir, environment);
    try {
      await server.#healthy();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** What the server wrote on its terminal so far. */
  get output(): string {
    return this.#output;
  }

  /** Runs a command with the server's settings while it serves, as its operator does, who types this. */
  command(parameters: readonly string[], typed: string): Promise<Outcome> {
    return run(parameters, this.#environment, typed);
  }

  /** Does something while the server is stopped, and starts it again. */
  async whileDown<Done>(work: () => Promise<Done>): Promise<Done> {
    await this.#end();
    const done = await work();
    this.#watch(launch(this.#environment));
    await this.#healthy();
    return done;
  }

  /** Ends the server as an operator would, and removes its database. */
  async stop(): Promise<void> {
    await this.#end();
    rememberLog(this.address, this.#output);
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#process.kill("SIGTERM");
    for (let waited = 0; !this.#ended && waited < 5_000; waited += 50) await sleep(50);
    if (this.#ended) return;
    this.#process.kill("SIGKILL");
    while (!this.#ended) await sleep(50);
  }

  async #healthy(): Promise<void> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
      if (this.#ended) throw new Error(`the server ended before it was healthy:\n${this.#output}`);
      const answer = await fetch(`${this.address}/health/ready`).catch(() => undefined);
      if (answer?.status === 200) return;
    }
    throw new Error(`the server did not become healthy within 20 seconds:\n${this.#output}`);
  }
}

function launch(environment: NodeJS.ProcessEnv): ChildProcess {
  return spawn(countersign, [], { cwd: repository, stdio: ["ignore", "pipe", "pipe"], env: environment });
}

/** A port of the loopback interface that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.on("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") failed(new Error("no port"));
        else found(address.port);
      });
    });
  });
}
