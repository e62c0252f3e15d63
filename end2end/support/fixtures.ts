import { test as base, type BrowserContextOptions, type Page } from "@playwright/test";
import { Authenticator } from "./passkey.ts";
import { newPerson, type Person } from "./person.ts";
import { Server, type ServerOptions } from "./server.ts";
import { MailServer } from "./smtp.ts";
import { Trouble } from "./trouble.ts";

interface TestFixtures {
  /** What went wrong unseen; every test fails on it at its end, unless it said before that it would provoke it. */
  readonly trouble: Trouble;
  /** Somebody new. */
  readonly person: Person;
  /** The authenticator in `page`. */
  readonly passkey: Authenticator;
  /** Opens a tab in another browser: other cookies, no authenticator, watched like the first. */
  readonly anotherBrowser: (options?: BrowserContextOptions) => Promise<Page>;
  /** Starts one more server with other settings. */
  readonly startServer: (options: ServerOptions) => Promise<Server>;
}

interface WorkerFixtures {
  readonly mail: MailServer;
  readonly server: Server;
}

/** Each worker has a server, a database and a mail server of its own; tests in it share them, with people of their own. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  mail: [
    async ({}, use) => {
      const mail = await MailServer.start();
      await use(mail);
      await mail.down();
    },
    { scope: "worker" },
  ],

  server: [
    async ({ mail }, use) => {
      const server = await Server.start({ smtpPort: mail.port });
      await use(server);
      await server.stop();
    },
    { scope: "worker", timeout: 30_000 },
  ],

  baseURL: async ({ server }, use) => {
    await use(server.origin);
  },

  trouble: [
    async ({ server }, use, testInfo) => {
      const trouble = new Trouble();
      const before = server.output.length;
      await use(trouble);
      if (testInfo.status !== testInfo.expectedStatus) {
        await testInfo.attach("server's terminal", { body: server.output.slice(before), contentType: "text/plain" });
      }
      trouble.expectNone();
    },
    { auto: true },
  ],

  context: async ({ context, trouble }, use) => {
    await trouble.watch(context);
    await use(context);
  },

  person: async ({}, use) => {
    await use(newPerson());
  },

  passkey: async ({ page }, use) => {
    await use(await Authenticator.in(page));
  },

  anotherBrowser: async ({ browser, baseURL, trouble }, use) => {
    const contexts: { close(): Promise<void> }[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({
        ...(baseURL === undefined ? {} : { baseURL }),
        locale: "en-GB",
        timezoneId: "UTC",
        viewport: { width: 1280, height: 800 },
        ...options,
      });
      contexts.push(context);
      context.setDefaultTimeout(15_000);
      await trouble.watch(context);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },

  startServer: async ({}, use) => {
    const servers: Server[] = [];
    await use(async (options) => {
      const server = await Server.start(options);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.stop();
  },
});

export { expect } from "@playwright/test";
