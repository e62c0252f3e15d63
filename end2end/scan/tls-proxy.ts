import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/**
 * Speaks TLS on a port of this machine and passes every request on, as the proxy in front of a server on the internet does. Its
 * certificate and key are in the folder that `SCAN_TLS` names: see run.sh.
 */
export class TlsProxy {
  readonly origin: string;
  /** The same by its address: the observatory knows no host without a dot. */
  readonly address: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #cookie: string | undefined;
  #target: URL | undefined;

  private constructor(server: Server, port: number, cookie: string | undefined) {
    this.#server = server;
    this.#cookie = cookie;
    this.origin = `https://localhost:${port}`;
    this.address = `127.0.0.1:${port}`;
  }

  /** With a cookie, every request is made in its name. */
  static async start(cookie?: string): Promise<TlsProxy> {
    const folder = process.env["SCAN_TLS"];
    if (folder === undefined) throw new Error("SCAN_TLS is missing: start by scan/run.sh");
    const [key, cert] = await Promise.all([readFile(join(folder, "key.pem")), readFile(join(folder, "certificate.pem"))]);
    const server = createServer({ key, cert });
    await new Promise<void>((listening, failed) => {
      server.once("error", failed);
      server.listen(0, "127.0.0.1", listening);
    });
    const proxy = new TlsProxy(server, (server.address() as AddressInfo).port, cookie);
    proxy.#serve();
    return proxy;
  }

  /** Where requests go from now on. */
  forwardTo(address: string): void {
    this.#target = new URL(address);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #serve(): void {
    this.#server.on("request", (incoming, answer) => {
      const outgoing = request(
        {
          host: this.#target?.hostname,
          port: this.#target?.port,
          agent: this.#agent,
          method: incoming.method,
          path: incoming.url,
          headers: {
            ...incoming.headers,
            connection: "keep-alive",
            "x-forwarded-for": incoming.socket.remoteAddress,
            ...(this.#cookie === undefined ? {} : { cookie: this.#cookie }),
          },
        },
        (response) => {
          answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
          response.pipe(answer);
        },
      );
      outgoing.on("error", () => {
        if (answer.headersSent) answer.destroy();
        else answer.writeHead(502).end();
      });
      answer.on("close", () => outgoing.destroy());
      incoming.pipe(outgoing);
    });
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }
}
