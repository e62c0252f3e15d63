import { simpleParser, type AddressObject } from "mailparser";
import { SMTPServer } from "smtp-server";
import { setTimeout as sleep } from "node:timers/promises";
import { rememberSecret } from "./secrets.ts";
import { freePort } from "./server.ts";

/** A mail as it arrived at the mail server. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  /** The whole message, headers first. */
  readonly raw: string;
}

/** What the mail server does with mail to an address. */
export type Policy = { readonly refuse: number } | "accept" | "hang";

/**
 * A mail server that people's addresses live on. It speaks SMTP with the server under test; what it does with mail to one
 * address can be chosen, so that tests don't disturb each other, and it can go down and come up again at the same port.
 */
export class MailServer {
  readonly port: number;
  readonly #mails: Mail[] = [];
  readonly #policies = new Map<string, Policy>();
  readonly #attempts = new Map<string, number>();
  #smtp: SMTPServer | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<MailServer> {
    const server = new MailServer(await freePort());
    await server.up();
    return server;
  }

  /** Listens (again). */
  async up(): Promise<void> {
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ["AUTH", "STARTTLS"],
      disableReverseLookup: true,
      closeTimeout: 100,
      logger: false,
      onRcptTo: (address, _session, done) => {
        const recipient = address.address.toLowerCase();
        this.#attempts.set(recipient, this.attempts(recipient) + 1);
        void this.#decide(recipient).then(done);
      },
      onData: (stream, _session, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          void parse(Buffer.concat(chunks)).then(
            (mail) => {
              this.#mails.push(mail);
              findCode(mail.text);
              done();
            },
            (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
          );
        });
      },
    });
    // A client that goes away in the middle of a conversation is no fault of ours.
    smtp.on("error", () => undefined);
    await new Promise<void>((listening, failed) => {
      smtp.server.once("error", failed);
      smtp.listen(this.port, "127.0.0.1", () => listening());
    });
    this.#smtp = smtp;
  }

  /** Cuts every conversation and listens no more. */
  async down(): Promise<void> {
    const smtp = this.#smtp;
    this.#smtp = undefined;
    if (smtp !== undefined) await new Promise<void>((closed) => smtp.close(() => closed()));
  }

  /** Chooses what happens to mail to an address from now on. */
  policy(email: string, policy: Policy): void {
    this.#policies.set(email.toLowerCase(), policy);
  }

  /** How often somebody tried to deliver to this address. */
  attempts(email: string): number {
    return this.#attempts.get(email.toLowerCase()) ?? 0;
  }

  /** The mails to an address, oldest first. */
  to(email: string): readonly Mail[] {
    return this.#mails.filter((mail) => mail.to.toLowerCase() === email.toLowerCase());
  }

  /** Waits for mail number `count` (the first is 1) to an address. */
  async next(email: string, count = 1, seconds = 15): Promise<Mail> {
    return waitFor(`mail number ${count} to ${email}`, seconds, () => this.to(email)[count - 1]);
  }

  /** Waits until a delivery to this address was tried so many times. */
  async tried(email: string, count: number, seconds = 15): Promise<void> {
    await waitFor(`attempt number ${count} to deliver to ${email}`, seconds, () => (this.attempts(email) >= count ? true : undefined));
  }

  /** `hang` answers nothing until the policy changes. */
  async #decide(recipient: string): Promise<Error | null> {
    let policy = this.#policies.get(recipient) ?? "accept";
    for (let waited = 0; policy === "hang" && waited < 60_000; waited += 100) {
      await sleep(100);
      policy = this.#policies.get(recipient) ?? "accept";
    }
    if (typeof policy !== "object") return null;
    return Object.assign(new Error("refused by the test"), { responseCode: policy.refuse });
  }
}

/** What a person reads out of a mail with a registration code. */
export interface Invitation {
  /** 16 digits without the spaces between them. */
  readonly code: string;
  /** The link to the page where it is typed. */
  readonly link: string;
}

/** Reads code and link out of the plain text part. */
export function readInvitation(mail: Pick<Mail, "text">): Invitation {
  const code = findCode(mail.text);
  const link = /https?:\/\/\S+\/get-started\/activate\?\S+/.exec(mail.text)?.[0].replace(/[>).,]+$/, "");
  if (code === undefined) throw new Error(`no code in this mail:\n${mail.text}`);
  if (link === undefined) throw new Error(`no link in this mail:\n${mail.text}`);
  return { code, link };
}

/** The first 16 digits in groups of four, without what is between the groups. */
export function findCode(text: string): string | undefined {
  const code = /(?<!\d)\d{4}(?:[ \u00a0-]\d{4}){3}(?!\d)/.exec(text)?.[0].replace(/\D/g, "");
  if (code !== undefined) rememberSecret("code in a mail", code);
  return code;
}

/** Every link in an HTML part, as a browser would read it. */
export function linksOf(html: string): string[] {
  return [...html.matchAll(/href="([^"]*)"/g)].map((match) => (match[1] ?? "").replaceAll("&amp;", "&").replaceAll("&#38;", "&"));
}

async function waitFor<T>(what: string, seconds: number, find: () => T | undefined): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(50)) {
    const found = find();
    if (found !== undefined) return found;
  }
  throw new Error(`waited ${seconds} seconds for ${what}`);
}

async function parse(raw: Buffer): Promise<Mail> {
  const mail = await simpleParser(raw);
  return {
    from: addresses(mail.from),
    to: addresses(mail.to),
    subject: mail.subject ?? "",
    text: mail.text ?? "",
    html: mail.html === false ? "" : (mail.html ?? ""),
    messageId: mail.messageId ?? "",
    raw: raw.toString("utf8"),
  };
}

function addresses(header: AddressObject | AddressObject[] | undefined): string {
  const list = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return list.flatMap((entry) => entry.value.map((one) => one.address ?? "")).join(", ");
}
