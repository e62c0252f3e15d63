import { request, type IncomingHttpHeaders } from "node:http";
import { rememberCookies } from "./secrets.ts";

/** An answer, headers and all, without any redirect followed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What a program (a mail scanner, another site's page, curl) may send. */
export interface Ask {
  readonly method?: "GET" | "HEAD" | "POST" | "OPTIONS";
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
}

/** Asks without a browser: nothing is added to the headers that are given. */
export function ask(url: string, { method = "GET", headers = {}, form }: Ask = {}): Promise<Answer> {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  return new Promise((done, failed) => {
    const outgoing = request(
      url,
      {
        method,
        agent: false,
        headers: {
          ...(body === undefined
            ? {}
            : { "content-type": "application/x-www-form-urlencoded", "content-length": String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", failed);
        incoming.on("end", () => {
          rememberCookies(incoming.headers["set-cookie"] ?? []);
          done({ status: incoming.statusCode ?? 0, headers: incoming.headers, text: Buffer.concat(chunks).toString("utf8") });
        });
      },
    );
    outgoing.on("error", failed);
    outgoing.end(body);
  });
}

/** The headers of a form that a page of this origin sends by script. */
export function fromOwnPage(origin: string): Record<string, string> {
  return { origin, "sec-fetch-site": "same-origin", accept: "application/json" };
}

/** The headers of a form that a page of this origin sends without script. */
export function fromPlainForm(origin: string, page: string): Record<string, string> {
  return { origin, "sec-fetch-site": "same-origin", accept: "text/html,application/xhtml+xml", referer: `${origin}${page}` };
}
