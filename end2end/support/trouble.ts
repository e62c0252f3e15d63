import { expect, type BrowserContext } from "@playwright/test";
import { watchSecrets } from "./secrets.ts";

/** An HTTP status that a test provokes, and where. */
interface AllowedStatus {
  readonly status: number;
  readonly path: RegExp;
}

/**
 * Watches every page of a test for what a person never sees but should never be there: console errors, exceptions, CSP
 * violations, dialogs by script. A test that provokes an answer such as 422 says so by {@link allow}.
 */
export class Trouble {
  readonly #found: string[] = [];
  readonly #allowed: AllowedStatus[] = [];
  readonly #allowedTexts: RegExp[] = [];

  /** The browser's own complaint about this answer is expected. */
  allow(status: number, path: string | RegExp): void {
    this.#allowed.push({ status, path: typeof path === "string" ? new RegExp(`^${path.replaceAll(".", "\\.")}$`) : path });
  }

  /** Anything that matches is expected. */
  allowAny(text: RegExp): void {
    this.#allowedTexts.push(text);
  }

  async watch(context: BrowserContext): Promise<void> {
    watchSecrets(context);
    context.on("console", (message) => {
      const text = message.text();
      const suspicious = message.type() === "error" || /Content[ -]Security[ -]Policy|hydrat/i.test(text);
      if (suspicious && !this.#expected(text, message.location().url)) {
        this.#found.push(`console ${message.type()}: ${text} (${message.location().url})`);
      }
    });
    context.on("weberror", (error) => {
      const text = error.error().stack ?? error.error().message;
      if (!this.#expected(text, "")) this.#found.push(`exception: ${text}`);
    });
    context.on("dialog", (dialog) => {
      if (dialog.type() === "beforeunload") {
        void dialog.accept();
      } else {
        this.#found.push(`dialog: ${dialog.type()} ${dialog.message()}`);
        void dialog.dismiss();
      }
    });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`Content Security Policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
  }

  expectNone(): void {
    expect(this.#found, "console errors, exceptions and CSP violations").toEqual([]);
  }

  #expected(text: string, url: string): boolean {
    if (this.#allowedTexts.some((allowed) => allowed.test(text))) return true;
    const status = /^Failed to load resource: the server responded with a status of (\d+)/.exec(text)?.[1];
    if (status === undefined || !URL.canParse(url)) return false;
    const { pathname } = new URL(url);
    return this.#allowed.some((allowed) => allowed.status === Number(status) && allowed.path.test(pathname));
  }
}
