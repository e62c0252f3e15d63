import type { Page } from "@playwright/test";
import { expect } from "@playwright/test";
import { groupFields, misread, group, readKitCode } from "./kit.ts";
import { strayPasskey, failingCreate, withoutWebAuthn, type Authenticator } from "./passkey.ts";
import type { Person } from "./person.ts";
import type { Server, ServerOptions } from "./server.ts";
import type { MailServer } from "./smtp.ts";
import type { Trouble } from "./trouble.ts";
import {
  alertOn,
  comeToKit,
  comeToPasskey,
  createOrganization,
  expectHeading,
  fillAccount,
  giveAccount,
  open,
  ready,
  receiveInvitation,
  sendNewCode,
  typeWrongCode,
  wrongCode,
} from "./wizard.ts";

/** What it takes to get a page into a state. */
export interface Stage {
  readonly page: Page;
  readonly server: Server;
  readonly mail: MailServer;
  readonly person: Person;
  readonly passkey: Authenticator;
  readonly trouble: Trouble;
  readonly startServer: (options: ServerOptions) => Promise<Server>;
}

/** A page in one of the states that a person may see it in. */
export interface State {
  readonly name: string;
  readonly reach: (stage: Stage) => Promise<void>;
}

/** Every page in every state, in the order of the way through them. */
export const STATES: readonly State[] = [
  { name: "home", reach: ({ page }) => open(page, "/") },
  { name: "get started", reach: ({ page }) => open(page, "/get-started") },
  {
    name: "get started, refused",
    reach: async ({ page, person, trouble }) => {
      trouble.allow(422, "/rpc/create_organization");
      await open(page, "/get-started");
      await fillAccount(page, { ...person, email: "ada@localhost", organization: "<b>Engines</b>" });
      await page.getByRole("button", { name: "Continue" }).click();
      await expect(alertOn(page)).toBeVisible();
    },
  },
  {
    name: "get started, closed",
    reach: async ({ page, startServer, trouble }) => {
      trouble.allow(403, "/get-started");
      const closed = await startServer({ organizations: "closed", contact: "Grace in room 4 (grace@example.org)" });
      await open(page, `${closed.origin}/get-started`);
    },
  },
  { name: "check your mail", reach: ({ page, person }) => giveAccount(page, person) },
  {
    name: "check your mail, sent again",
    reach: async ({ page, mail, person }) => {
      await giveAccount(page, person);
      await sendNewCode(page);
      await mail.next(person.email, 2);
    },
  },
  {
    name: "enter the code",
    reach: async ({ page, mail, person }) => {
      await giveAccount(page, person);
      await open(page, (await receiveInvitation(mail, person)).link);
    },
  },
  { name: "enter the code, nothing known", reach: ({ page }) => open(page, "/get-started/activate") },
  {
    name: "enter the code, wrong",
    reach: async ({ page, mail, person, trouble }) => {
      trouble.allow(400, "/rpc/activate");
      await giveAccount(page, person);
      const { link, code } = await receiveInvitation(mail, person);
      await open(page, link);
      await typeWrongCode(page, wrongCode(code));
    },
  },
  {
    name: "enter the code, too many tries",
    reach: async ({ page, mail, person, trouble }) => {
      trouble.allow(400, "/rpc/activate");
      await giveAccount(page, person);
      const { link, code } = await receiveInvitation(mail, person);
      await open(page, link);
      for (let turn = 1; turn <= 6; turn += 1) await typeWrongCode(page, wrongCode(code, turn));
    },
  },
  {
    name: "passkey",
    reach: async ({ page, mail, person }) => {
      await comeToPasskey(page, mail, person);
      await ready(page);
    },
  },
  {
    name: "passkey, no registration",
    reach: async ({ page, trouble }) => {
      trouble.allow(401, /^\/(rpc\/registration|get-started\/passkey)$/);
      await open(page, "/get-started/passkey");
    },
  },
  {
    name: "passkey, cancelled",
    reach: async ({ page, mail, person }) => {
      await page.addInitScript(failingCreate, "NotAllowedError");
      await comeToPasskey(page, mail, person);
      await ready(page);
      await page.getByRole("button", { name: "Make a passkey" }).click();
      await expect(alertOn(page)).toBeVisible();
    },
  },
  {
    name: "passkey, unsupported browser",
    reach: async ({ page, mail, person }) => {
      await page.addInitScript(withoutWebAuthn);
      await comeToPasskey(page, mail, person);
      await ready(page);
    },
  },
  {
    name: "recovery kit",
    reach: async ({ page, mail, person, passkey }) => {
      await comeToKit(page, mail, person, passkey);
      await readKitCode(page);
    },
  },
  {
    name: "recovery kit, no registration",
    reach: async ({ page, trouble }) => {
      trouble.allow(401, /^\/(rpc\/registration|get-started\/recovery-kit)$/);
      await open(page, "/get-started/recovery-kit");
    },
  },
  {
    name: "recovery kit, misread",
    reach: async ({ page, mail, person, passkey }) => {
      await comeToKit(page, mail, person, passkey);
      const code = await readKitCode(page);
      const [first, second] = await groupFields(page);
      if (first === undefined || second === undefined) throw new Error("no fields");
      await first.field.fill(misread(group(code, first.number)));
      await second.field.fill(group(code, second.number));
      await second.field.press("Tab");
      await expect(first.field).toHaveAttribute("aria-invalid", "true");
    },
  },
  { name: "dashboard", reach: async ({ page, mail, person, passkey }) => void (await createOrganization(page, mail, person, passkey)) },
  {
    name: "sign in",
    reach: async ({ page, passkey }) => {
      await passkey.present(false);
      await open(page, "/login");
    },
  },
  {
    name: "sign in, unknown passkey",
    reach: async ({ page, passkey, trouble }) => {
      trouble.allow(401, "/rpc/finish_sign_in");
      await passkey.add(strayPasskey());
      await open(page, "/login");
      await passkey.approve(() => page.getByRole("button", { name: "Sign in with a passkey" }).click());
      await expect(alertOn(page)).toBeVisible();
    },
  },
  {
    name: "sign in, unsupported browser",
    reach: async ({ page }) => {
      await page.addInitScript(withoutWebAuthn);
      await open(page, "/login");
    },
  },
  {
    name: "no such page",
    reach: async ({ page, trouble }) => {
      trouble.allow(404, "/no/such/page");
      await open(page, "/no/such/page");
    },
  },
  {
    name: "local mailbox, empty",
    reach: async ({ page, startServer }) => {
      const local = await startServer({});
      await open(page, `${local.origin}/dev/mail`);
    },
  },
  {
    name: "local mailbox",
    reach: async ({ page, person, startServer }) => {
      const local = await startServer({});
      await open(page, `${local.origin}/get-started`);
      await fillAccount(page, person);
      await page.getByRole("button", { name: "Continue" }).click();
      await expectHeading(page, "Check your mail");
      await open(page, `${local.origin}/dev/mail`);
      await expect(page.getByRole("main")).toContainText(person.organization);
    },
  },
];
