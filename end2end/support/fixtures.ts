import { test as base, type Browser, type BrowserContextOptions, type Page } from "@playwright/test";
import { newKey } from "./keys.ts";
import { createPermission, createProgram, give, hire, insider, invite, newColleague, openUser, signedChange, type Insider } from "./office.ts";
import { Authenticator } from "./passkey.ts";
import { newPerson, type Person } from "./person.ts";
import { watchSecrets } from "./secrets.ts";
import { Server, type ServerOptions } from "./server.ts";
import { MailServer } from "./smtp.ts";
import { Trouble } from "./trouble.ts";
import { createOrganization, open } from "./wizard.ts";

/** An organization that the tests of a worker share: each with colleagues and permissions of its own, if it changes any. */
export interface Office {
  readonly admin: Insider;
}

/** The same, with people and permissions in every state. Only to be looked at. */
export interface Staff extends Office {
  /** Has signed up, and may see and invite users. */
  readonly active: Insider & { readonly path: string };
  readonly invited: { readonly email: string; readonly path: string };
  readonly deactivated: { readonly email: string; readonly path: string };
  readonly permission: { readonly name: string; readonly path: string };
  readonly archived: { readonly name: string; readonly path: string };
  readonly serviceAccount: { readonly name: string; readonly path: string };
  /** An access token of the admin. */
  readonly accessToken: { readonly name: string; readonly path: string };
}

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
  readonly office: Office;
  readonly staff: Staff;
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

  office: [
    async ({ browser, server, mail }, use) => {
      await use(await found(browser, server, mail));
    },
    { scope: "worker", timeout: 60_000 },
  ],

  staff: [
    async ({ browser, server, mail }, use) => {
      const admin = await desk(browser, server);
      const colleague = await desk(browser, server);
      const person = newPerson();
      await createOrganization(admin.page, mail, person, admin.passkey);

      const permission = "Invites people";
      const permissionPath = await createPermission(admin.page, admin.passkey, permission, ["Auth:Users:Read", "Auth:Users:Create"]);
      const archived = "Read history";
      const archivedPath = await createPermission(admin.page, admin.passkey, archived, ["Auth:Logs:Read"]);
      await signedChange(admin.page, admin.passkey, "Archive", "Archive and sign");

      const grace = { ...newColleague(person), email: `grace.hopper@${person.email.slice(4, 12)}.example.org` };
      const path = await hire(admin, { ...colleague, person: grace }, mail);
      await openUser(admin.page, grace.email);
      await give(admin.page, admin.passkey, permission);

      const gone = newColleague(person).email.replace("ada", "charles");
      const gonePath = await invite(admin.page, admin.passkey, gone);
      await signedChange(admin.page, admin.passkey, "Deactivate", "Deactivate and sign");
      const invited = newColleague(person).email.replace("ada", "mary");
      const invitedPath = await invite(admin.page, admin.passkey, invited, "4711");

      const makes = async (form: string, name: string): Promise<{ name: string; path: string }> => {
        await open(admin.page, form);
        const { publicKey } = newKey("Ed25519");
        const { path } = await createProgram(admin.page, admin.passkey, { name, publicKey, life: "90 days", permission, externalId: "4711" });
        return { name, path };
      };
      const serviceAccount = await makes("/org/service-accounts/new", "Personnel system");
      const accessToken = await makes("/account/access-tokens/new", "Weekly report");

      const staff = {
        admin: await insider(admin.page, admin.passkey, person),
        active: { ...(await insider(colleague.page, colleague.passkey, grace)), path },
        invited: { email: invited, path: invitedPath },
        deactivated: { email: gone, path: gonePath },
        permission: { name: permission, path: permissionPath },
        archived: { name: archived, path: archivedPath },
        serviceAccount,
        accessToken,
      };
      await admin.close();
      await colleague.close();
      await use(staff);
    },
    { scope: "worker", timeout: 120_000 },
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

/** Somebody founds an organization, and goes home. */
export async function found(browser: Browser, server: Server, mail: MailServer): Promise<Office> {
  const { page, passkey, close } = await desk(browser, server);
  const person = newPerson();
  await createOrganization(page, mail, person, passkey);
  const admin = await insider(page, passkey, person);
  await close();
  return { admin };
}

/** Somebody's tab with their authenticator, for what is set up before any test. */
async function desk(browser: Browser, server: Server): Promise<{ page: Page; passkey: Authenticator; close: () => Promise<void> }> {
  const context = await browser.newContext({ baseURL: server.origin, locale: "en-GB", timezoneId: "UTC", viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(15_000);
  watchSecrets(context);
  const page = await context.newPage();
  const passkey = await Authenticator.in(page);
  await passkey.present(false);
  return { page, passkey, close: () => context.close() };
}

export { expect } from "@playwright/test";
