import type { Page, Route } from "@playwright/test";

/** A server that lies, or somebody in between: answers are altered on their way into the browser. */

/** The answer to `prepare_change`. */
export interface Prepared {
  action: string;
  /** Unpadded base64url. */
  document: string;
  credentials: { id: string; type: string; transports: string[] }[];
}

/** An action document, as far as tests alter it. */
export interface Document {
  id: string;
  organization: string;
  origin: string;
  rp_id: string;
  actor: { id: string; email: string };
  operation: string;
  change: Record<string, Record<string, unknown>>;
  expires_at: string;
  [member: string]: unknown;
}

/** From now on every answer to `prepare_change` is altered. */
export async function tamperWithAnswer(page: Page, alter: (prepared: Prepared) => void): Promise<void> {
  await page.unroute(PREPARE);
  await page.route(PREPARE, async (route) => {
    const answer = await route.fetch();
    if (answer.status() !== 200) return route.fulfill({ response: answer });
    const prepared = (await answer.json()) as Prepared;
    alter(prepared);
    return route.fulfill({ response: answer, json: prepared });
  });
}

/** The same, of the document in it; the rest of it stays as it is, and so does the form of its JSON. */
export async function tamperWithDocument(page: Page, alter: (document: Document) => void): Promise<void> {
  await tamperWithAnswer(page, (prepared) => {
    const document = JSON.parse(decode(prepared.document).toString("utf8")) as Document;
    alter(document);
    prepared.document = encode(JSON.stringify(document));
  });
}

const PREPARE = "**/rpc/prepare_change";

/** Signatures that get lost: `before` the server has them, or its answer `after` it has executed them. */
export async function loseSignature(page: Page, when: "before" | "after"): Promise<void> {
  await page.route(
    "**/rpc/commit_change",
    async (route: Route) => {
      if (when === "after") await route.fetch();
      await route.abort("connectionreset");
    },
    { times: 1 },
  );
}

export function decode(base64url: string): Buffer {
  return Buffer.from(base64url, "base64url");
}

export function encode(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString("base64url");
}

/** Counts how often the page asks for a passkey from the next page on; {@link passkeyCalls} tells. */
export async function countPasskeyCalls(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const real = Object.getOwnPropertyDescriptor(CredentialsContainer.prototype, "get")?.value as CredentialsContainer["get"];
    Object.assign(globalThis, { passkeyCalls: 0 });
    CredentialsContainer.prototype.get = function (this: CredentialsContainer, options?: CredentialRequestOptions) {
      (globalThis as unknown as { passkeyCalls: number }).passkeyCalls += 1;
      return real.call(this, options);
    };
  });
}

export function passkeyCalls(page: Page): Promise<number> {
  return page.evaluate(() => (globalThis as unknown as { passkeyCalls: number }).passkeyCalls);
}

/** What the page of history hands to its script. */
export interface HistoryProps {
  page: { lines: string[]; registrations: string[]; [member: string]: unknown };
  fingerprints?: (string | null)[];
  fingerprint?: string | null;
  organization: string;
  [member: string]: unknown;
}

/** An entry's line, as far as tests alter it. */
export interface Line {
  index: number;
  organization: string;
  executed_at: number;
  what: { action?: Record<string, string>; genesis?: Record<string, unknown>; registration?: Record<string, unknown> };
}

/** From now on the page at `path` comes with other entries than the server has; the words that it shows stay. */
export async function tamperWithHistory(page: Page, path: string, alter: (props: HistoryProps) => void): Promise<void> {
  const pattern = new RegExp(`${path}$`);
  await page.unroute(pattern);
  await page.route(pattern, async (route) => {
    const answer = await route.fetch();
    const html = await answer.text();
    const altered = html.replace(/data-props="([^"]*lines[^"]*)"/, (_all, escaped: string) => {
      const props = JSON.parse(unescape(escaped)) as HistoryProps;
      alter(props);
      return `data-props="${escape(JSON.stringify(props))}"`;
    });
    if (altered === html) throw new Error(`there is nothing to alter in ${path}`);
    await route.fulfill({ response: answer, body: altered });
  });
}

/** Alters one entry's line. */
export function alterLine(props: HistoryProps, place: number, alter: (line: Line) => void): void {
  const line = JSON.parse(props.page.lines[place] ?? "") as Line;
  alter(line);
  props.page.lines[place] = JSON.stringify(line);
}

/** The same bytes but for one bit. */
export function flipped(base64url: string, place: number): string {
  const bytes = decode(base64url);
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return encode(bytes);
}

const ENTITIES = { "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" } as const;

function unescape(text: string): string {
  return text.replace(/&(?:quot|#39|#x27|lt|gt|amp);/g, (entity) => ENTITIES[entity as keyof typeof ENTITIES]);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
