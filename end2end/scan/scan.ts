import { CspEvaluator } from "csp_evaluator/dist/evaluator.js";
import { Severity, Type } from "csp_evaluator/dist/finding.js";
import { CspParser } from "csp_evaluator/dist/parser.js";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test as base, type Staff } from "../support/fixtures.ts";
import { enterAs, type Insider } from "../support/office.ts";
import { Server } from "../support/server.ts";
import { ACCEPTED, type Scanner } from "./accepted.ts";
import { TlsProxy } from "./tls-proxy.ts";

// Not part of the suite: scanners of others against the running server, behind TLS as on the internet. `make scan`.

const run = promisify(execFile);
const REPOSITORY = resolve(import.meta.dirname, "../..");
const RESULTS = join(REPOSITORY, "target/scan");

const test = base.extend<object, { readonly front: TlsProxy }>({
  front: [
    async ({}, use) => {
      const front = await TlsProxy.start();
      await use(front);
      await front.stop();
    },
    { scope: "worker" },
  ],
  server: [
    async ({ mail, front }, use) => {
      const server = await Server.start({ smtpPort: mail.port, origin: front.origin });
      front.forwardTo(server.address);
      await use(server);
      await server.stop();
    },
    { scope: "worker", timeout: 30_000 },
  ],
});

/** What anybody can open. */
const OUTSIDE = ["/", "/login", "/get-started", "/get-started/mail?email=ada%40example.org", "/get-started/activate", "/add-passkey", "/recover", "/recover/code?email=ada%40example.org", "/docs"];

/** What an admin can open besides. */
function inside(staff: Staff): string[] {
  return [
    ...["/org", "/org/users", "/org/users?q=ada&status=active", "/org/users/new", "/org/permissions", "/org/permissions/new"],
    ...["/org/service-accounts", "/org/service-accounts/new", "/org/history", "/org/history/4", "/org/history/export"],
    ...["/account", "/account/access-tokens", "/account/access-tokens/new", "/account/recovery-kit"],
    ...[staff.active, staff.invited, staff.deactivated, staff.permission, staff.archived, staff.serviceAccount, staff.accessToken].map(({ path }) => path),
    `${staff.permission.path}/edit`,
  ];
}

function cookieOf({ cookies }: Insider): string {
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

/** Keeps what a scanner said, and fails on what nobody has looked at, and on what was accepted and isn't there any more. */
async function judge(scanner: Scanner, what: string, found: readonly string[], report: unknown): Promise<void> {
  await writeFile(join(RESULTS, `${scanner}-${what.replace(" ", "-")}.json`), JSON.stringify({ found, report }, null, 2));
  const accepted = ACCEPTED.filter((one) => one.scanner === scanner && one.where.test(what));
  const isAccepted = (finding: string): boolean => accepted.some((one) => one.finding.test(finding));
  for (const finding of found) process.stdout.write(`    ${isAccepted(finding) ? "accepted" : "NEW"}: ${finding}\n`);
  expect(found.filter((finding) => !isAccepted(finding)), `${scanner}, ${what}: mend it, or say in scan/accepted.ts why it is right`).toEqual([]);
  const gone = accepted.filter((one) => !found.some((finding) => one.finding.test(finding))).map((one) => String(one.finding));
  expect(gone, `${scanner}, ${what}: no longer found, and still in scan/accepted.ts`).toEqual([]);
}

test("csp_evaluator reads the policy of every kind of answer", async ({ page, passkey, staff, trouble }) => {
  trouble.allowAny(/Failed to load resource/);
  await enterAs(page, passkey, staff.admin);
  const others = ["/no/such/page", "/health/ready", "/openapi.json", "/docs.css", "/seal.svg", "/rpc/viewer", "/auth/users", "/dev/mail"];
  const policies = new Map<string, { policy: string; paths: string[] }>();
  for (const path of [...OUTSIDE, ...inside(staff), ...others]) {
    const answer = await page.request.get(path, { maxRedirects: 0 });
    const policy = answer.headers()["content-security-policy"] ?? "";
    const known = policy.replace(/'nonce-[^']+'/, "'nonce-…'");
    policies.set(known, { policy, paths: [...(policies.get(known)?.paths ?? []), path] });
  }
  const found: string[] = [];
  for (const { policy, paths } of policies.values()) {
    for (const { type, severity, directive, value, description } of new CspEvaluator(new CspParser(policy).csp).evaluate()) {
      found.push(`${Severity[severity]} ${Type[type]} ${directive} ${value ?? ""}: ${description} [${paths.length} answers such as ${paths[0]}]`);
    }
  }
  await judge("csp_evaluator", "all answers", found, [...policies]);
});

interface Observed {
  readonly scan: { readonly grade: string; readonly score: number };
  readonly tests: Readonly<Record<string, { readonly pass: boolean | null; readonly result: string; readonly scoreModifier: number }>>;
}

async function observe(site: string): Promise<Observed> {
  // Not by the package's command: that one trusts its own list of certificates, and not the one of this run.
  const program = join(import.meta.dirname, "node_modules/@mdn/mdn-http-observatory/src/scan.js");
  const { stdout } = await run(process.execPath, [program, site], { timeout: 120_000 });
  return JSON.parse(stdout) as Observed;
}

for (const [what, paths, isInside] of [
  ["signed out", ["/", "/login", "/get-started", "/recover", "/docs"], false],
  ["signed in", ["/org", "/org/users", "/account"], true],
] as const) {
  test(`the HTTP Observatory looks at pages, ${what}`, async ({ server, staff }) => {
    // It knows no cookies, so its own proxy adds them.
    const proxy = await TlsProxy.start(isInside ? cookieOf(staff.admin) : undefined);
    proxy.forwardTo(server.address);
    const found: string[] = [];
    const reports: Record<string, Observed> = {};
    for (const path of paths) {
      const answer = await fetch(`https://${proxy.address}${path}`, { redirect: "manual" });
      expect(answer.status, `${path} is there for whoever is ${what}`).toBe(200);
      const report = await observe(`${proxy.address}${path}`);
      reports[path] = report;
      const { grade, score } = report.scan;
      process.stdout.write(`    ${path}: ${grade}, ${score}\n`);
      expect(score, `${path}: ${grade}`).toBeGreaterThanOrEqual(100);
      for (const [name, { pass, result, scoreModifier }] of Object.entries(report.tests)) {
        if (pass !== true || scoreModifier < 0) found.push(`${path}: ${name}: ${result} (${scoreModifier})`);
      }
    }
    await proxy.stop();
    await judge("observatory", what, found, reports);
  });
}

/**
 * What of Wapiti fits. Left out is what needs the internet (lists to download, an address that the server should call), what is about
 * other software (WordPress, Java, CGI, LDAP, network devices), and passwords, which aren't here. TLS is this scan's own proxy's.
 */
const MODULES = "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,https_redirect,methods,permanentxss,redirect,sql,timesql,upload,xss";

interface WapitiReport {
  readonly vulnerabilities: Readonly<Record<string, readonly WapitiFinding[]>>;
  readonly anomalies: Readonly<Record<string, readonly WapitiFinding[]>>;
  readonly additionals: Readonly<Record<string, readonly WapitiFinding[]>>;
  readonly infos: Readonly<Record<string, unknown>>;
}

interface WapitiFinding {
  readonly method: string;
  readonly path: string;
  readonly info: string;
  readonly parameter: string;
  readonly module: string;
}

/** Crawls from these pages and attacks what it finds. Never leaves this machine. Returns what it found, and what it did. */
async function wapiti(origin: string, paths: readonly string[], cookie?: string): Promise<{ report: WapitiReport; log: string }> {
  const folder = await mkdtemp(join(tmpdir(), "countersign-wapiti-"));
  try {
    const [report, log] = [join(folder, "report.json"), join(folder, "log")];
    const parameters = [
      ...["--url", `${origin}/`, "--scope", "domain", "--module", MODULES, "--format", "json", "--output", report],
      ...["--flush-session", "--no-bugreport", "--store-session", join(folder, "session"), "--store-config", join(folder, "config")],
      // Its own servers on the internet, which some of its modules would ask, are this one instead.
      ...["--endpoint", `${origin}/`, "--dns-endpoint", "localhost"],
      ...["--tasks", "4", "--max-scan-time", "180", "--max-attack-time", "60", "--log", log],
      ...paths.flatMap((path) => ["--start", `${origin}${path}`]),
      // They would end the session that the scan is in.
      ...["sign_out", "sign_out_everywhere", "end_session", "end_other_sessions"].flatMap((name) => ["--exclude", `${origin}/rpc/${name}`]),
      ...(cookie === undefined ? [] : ["--cookie-value", cookie]),
    ];
    await run(join(REPOSITORY, ".tools/wapiti/bin/wapiti"), parameters, { timeout: 45 * 60_000, maxBuffer: 64 * 1024 * 1024, cwd: folder });
    return { report: JSON.parse(await readFile(report, "utf8")) as WapitiReport, log: await readFile(log, "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function wapitiFindings({ vulnerabilities, anomalies }: WapitiReport): string[] {
  const lines = [...Object.entries(vulnerabilities), ...Object.entries(anomalies)].flatMap(([category, findings]) =>
    findings.map(({ method, path, parameter, module, info }) => `${category} (${module}): ${method} ${path} ${parameter}: ${info}`),
  );
  return [...new Set(lines)];
}

test("Wapiti attacks, signed out", async ({ server, staff }) => {
  expect(staff.active.path, "there is something to find").toMatch(/^\/org\/users\/us-/);
  const { report, log } = await wapiti(server.origin, OUTSIDE);
  await writeFile(join(RESULTS, "wapiti-signed-out.log"), log);
  await judge("wapiti", "signed out", wapitiFindings(report), report);
});

test("Wapiti attacks, signed in", async ({ page, passkey, server, staff }) => {
  const { report, log } = await wapiti(server.origin, inside(staff), cookieOf(staff.admin));
  await writeFile(join(RESULTS, "wapiti-signed-in.log"), log);
  expect(log.includes("/login?next="), "it was sent to sign in").toBe(false);
  await enterAs(page, passkey, staff.admin);
  expect((await page.request.get("/org", { maxRedirects: 0 })).status(), "signed in to the end").toBe(200);
  await judge("wapiti", "signed in", wapitiFindings(report), report);
});
