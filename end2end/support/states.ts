import type { BrowserContextOptions, Page } from "@playwright/test";
import { expect } from "@playwright/test";
import type { Office, Staff } from "./fixtures.ts";
import { groupFields, misread, group, readKitCode } from "./kit.ts";
import { newKey } from "./keys.ts";
import { enterAs, fillNewProgram, fillNewUser, invite, newColleague, pick, review, reviewRefused, sign, unique } from "./office.ts";
import { withoutWebAssembly } from "./old.ts";
import { Authenticator, strayPasskey, failingCreate, withoutWebAuthn } from "./passkey.ts";
import type { Person } from "./person.ts";
import type { Server, ServerOptions } from "./server.ts";
import { findCode, type MailServer } from "./smtp.ts";
import { alterLine, flipped, tamperWithDocument, tamperWithHistory } from "./tamper.ts";
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
  reload,
  sendNewCode,
  signInByButton,
  submit,
  typeWrongCode,
  wrongCode,
} from "./wizard.ts";

/** What it takes to get a page into a state. */
export interface Stage {
  readonly page: Page;
  readonly server: Server;
  readonly mail: MailServer;
  readonly office: Office;
  readonly staff: Staff;
  readonly person: Person;
  readonly passkey: Authenticator;
  readonly trouble: Trouble;
  readonly startServer: (options: ServerOptions) => Promise<Server>;
  readonly anotherBrowser: (options?: BrowserContextOptions) => Promise<Page>;
}

/** A page in one of the states that a person may see it in. */
export interface State {
  readonly name: string;
  readonly reach: (stage: Stage) => Promise<void>;
  /** Whether what is done to the server would disturb others that use it. */
  readonly hasItsOwnServer?: boolean;
}

/** Gets a page into a state. Returns the page, which is another one where the server is. */
export async function reach(state: State, stage: Stage): Promise<Page> {
  if (state.hasItsOwnServer !== true) {
    await state.reach(stage);
    return stage.page;
  }
  const server = await stage.startServer({ smtpPort: stage.mail.port });
  const page = await stage.anotherBrowser({ baseURL: server.origin });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await state.reach({ ...stage, server, page, passkey: await Authenticator.in(page) });
  return page;
}

/** To the page that asks for the kit. Returns the kit's code. */
async function comeToRecovery({ page, mail, person, passkey }: Stage): Promise<string> {
  const kit = await createOrganization(page, mail, person, passkey);
  await submit(page, "start_recovery", { email: person.email });
  const { text } = await mail.next(person.email, 2);
  await submit(page, "type_recovery_code", { email: person.email, code: findCode(text) ?? "" });
  await open(page, "/recover/kit");
  return kit;
}

async function useKit(page: Page, code: string): Promise<void> {
  await page.getByLabel("Recovery code").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("This is your kit.")).toBeVisible();
}

/** An organization in which the operator let a colleague enrol again: entry 2. */
async function breakGlass({ page, mail, person, passkey, server }: Stage): Promise<void> {
  await createOrganization(page, mail, person, passkey);
  const organization = (await page.locator("code.id").first().innerText()).trim();
  const { email } = newColleague(person);
  await invite(page, passkey, email);
  const done = await server.command(["break-glass", "--user", email, "--organization", organization], `${email}\n`);
  expect(done.code, done.stderr).toBe(0);
}

/** An organization whose server got another secret: entry 1. */
async function rotateSecret({ page, mail, person, passkey, server }: Stage): Promise<void> {
  await createOrganization(page, mail, person, passkey);
  const done = await server.whileDown(() => server.command(["rotate-secret"], "rotate\n"));
  expect(done.code, done.stderr).toBe(0);
}

/** A page as the admin of an organization with people and permissions in every state sees it. */
function ofAdmin(name: string, path: (staff: Staff) => string, then?: (stage: Stage) => Promise<void>): State {
  return {
    name,
    reach: async (stage) => {
      await enterAs(stage.page, stage.passkey, stage.staff.admin);
      await open(stage.page, path(stage.staff));
      await then?.(stage);
    },
  };
}

/** The form for a new user, sent. */
async function reviewNewUser({ page, person }: Stage): Promise<void> {
  await fillNewUser(page, person.email, "4711");
  await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
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
    name: "users, alone",
    reach: async ({ page, mail, person, passkey }) => {
      await createOrganization(page, mail, person, passkey);
      await open(page, "/org/users");
    },
  },
  ofAdmin("users", () => "/org/users"),
  ofAdmin("users, nobody found", () => "/org/users?q=nobody&status=active"),
  ofAdmin("new user", () => "/org/users/new"),
  ofAdmin("new user, refused", () => "/org/users/new", async ({ page, staff, trouble }) => {
    trouble.allow(422, "/rpc/prepare_change");
    await fillNewUser(page, staff.active.person.email);
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expect(alertOn(page)).toBeVisible();
  }),
  ofAdmin("signing", () => "/org/users/new", reviewNewUser),
  ofAdmin("signing, cancelled at the passkey", () => "/org/users/new", async (stage) => {
    await reviewNewUser(stage);
    await stage.passkey.refuse(async () => {
      await stage.page.getByRole("button", { name: "Create and sign" }).click();
      await expect(alertOn(stage.page)).toBeVisible();
    });
  }),
  ofAdmin("signing, the passkey is asked", () => "/org/users/new", async (stage) => {
    await reviewNewUser(stage);
    await stage.page.getByRole("button", { name: "Create and sign" }).click();
    await expect(stage.page.getByRole("dialog")).toContainText("Your device asks for your passkey now.");
  }),
  ofAdmin("signing, the document is another one", () => "/org/users/new", async ({ page, person }) => {
    await tamperWithDocument(page, (document) => Object.assign(document.change["create_user"] ?? {}, { email: "mallory@example.org" }));
    await fillNewUser(page, person.email);
    await reviewRefused(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  }),
  {
    name: "signing, done",
    reach: async (stage) => {
      const { page, office, passkey } = stage;
      await enterAs(page, passkey, office.admin);
      await open(page, "/org/users/new");
      await reviewNewUser(stage);
      await (await sign(page, passkey, "Create and sign")).getByText("Checkpoint", { exact: true }).click();
    },
  },
  {
    name: "signing, done, with link and code",
    reach: async ({ page, office, passkey }) => {
      await enterAs(page, passkey, office.admin);
      await invite(page, passkey, newColleague(office.admin.person).email);
      await review(page, () => page.getByRole("button", { name: "Show link and code" }).click());
      await sign(page, passkey, "Show and sign");
    },
  },
  ofAdmin("user, invited", ({ invited }) => invited.path, async ({ page }) => {
    await expect(async () => {
      await reload(page);
      await expect(page.getByRole("main")).toContainText("The mail server has taken the mail.", { timeout: 500 });
    }).toPass();
  }),
  {
    name: "user, invited, mail refused",
    reach: async ({ page, mail, office, passkey }) => {
      await enterAs(page, passkey, office.admin);
      const { email } = newColleague(office.admin.person);
      mail.policy(email, { refuse: 550 });
      await invite(page, passkey, email);
      await expect(async () => {
        await reload(page);
        await expect(page.getByRole("main")).toContainText("The mail didn't go out.", { timeout: 500 });
      }).toPass();
    },
  },
  ofAdmin("user, active", ({ active }) => active.path, async ({ page, staff }) => {
    await page.getByText("2 operations").click();
    await page.getByLabel("Permission", { exact: true }).selectOption({ label: "End user" });
    await expect(page.getByRole("main")).toContainText("Make transactions with wallets.");
    await expect(page.getByRole("main")).toContainText(staff.permission.name);
  }),
  ofAdmin("user, deactivated", ({ deactivated }) => deactivated.path),
  ofAdmin("user, yourself", () => "/org/users", async ({ page, staff }) => {
    await page.getByRole("link", { name: staff.admin.person.email }).click();
    await expectHeading(page, staff.admin.person.name);
    await ready(page);
  }),
  {
    name: "user, not found",
    reach: async ({ page, staff, passkey, trouble }) => {
      trouble.allow(404, /^\/org\/users\/us-/);
      await enterAs(page, passkey, staff.admin);
      await open(page, "/org/users/us-01040-g2081-040g2081040g2081");
    },
  },
  ofAdmin("permissions", () => "/org/permissions"),
  {
    name: "permissions, only managed ones",
    reach: async ({ page, mail, person, passkey }) => {
      await createOrganization(page, mail, person, passkey);
      await open(page, "/org/permissions");
    },
  },
  ofAdmin("new permission", () => "/org/permissions/new", async ({ page }) => {
    await page.getByLabel("Name").fill("Office managers");
    await pick(page, ["Auth:Users:Read", "Auth:Users:Create", "Auth:Users:Deactivate", "Permissions:Read"]);
  }),
  ofAdmin("new permission, refused", () => "/org/permissions/new", async ({ page }) => {
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expect(alertOn(page)).toBeVisible();
  }),
  ofAdmin("permission", ({ permission }) => permission.path),
  ofAdmin("permission, archived", ({ archived }) => archived.path),
  ofAdmin("permission, managed", () => "/org/permissions", async ({ page }) => {
    await page.getByRole("link", { name: "Full admin" }).click();
    await expectHeading(page, "Full admin");
    await ready(page);
  }),
  ofAdmin("edit permission", ({ permission }) => `${permission.path}/edit`),
  ofAdmin("signing an edit", ({ permission }) => `${permission.path}/edit`, async ({ page }) => {
    await page.getByLabel("Name").fill(unique("Office managers"));
    await pick(page, ["Auth:Users:Read", "Auth:Users:Create", "Auth:Users:Deactivate", "Auth:Users:Activate"]);
    await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  }),
  ofAdmin("history", () => "/org/history", ({ page }) => expect(page.getByRole("main")).toContainText(/All \d+ entries on this page are verified/)),
  ofAdmin("history, a broken seal", () => "/org/history", async ({ page }) => {
    await tamperWithHistory(page, "/org/history", (props) => {
      alterLine(props, 1, ({ what }) => Object.assign(what.action ?? {}, { signature: flipped(what.action?.["signature"] ?? "", 40) }));
    });
    await reload(page);
    await expect(page.getByRole("main")).toContainText("This entry doesn't verify");
  }),
  ofAdmin("history, an entry", () => "/org/history/4", async ({ page }) => {
    await expect(page.getByRole("main")).toContainText("Verified in this browser");
    for (const summary of ["The signed bytes", "The entry's line"]) await page.getByText(summary, { exact: true }).click();
  }),
  ofAdmin("history, the beginning", () => "/org/history/0", ({ page }) => expect(page.getByRole("main")).toContainText("Verified in this browser")),
  {
    name: "not permitted",
    reach: async ({ page, staff, passkey, trouble }) => {
      trouble.allow(403, "/org/history");
      await enterAs(page, passkey, staff.active);
      await open(page, "/org/history");
    },
  },
  {
    name: "dashboard of somebody with few permissions",
    reach: async ({ page, staff, passkey }) => {
      await enterAs(page, passkey, staff.active);
      await open(page, "/org");
    },
  },
  ofAdmin("service accounts", () => "/org/service-accounts"),
  ofAdmin("service account", ({ serviceAccount }) => serviceAccount.path),
  ofAdmin("new service account", () => "/org/service-accounts/new", async ({ page }) => {
    await page.getByLabel("Permission (optional)").selectOption({ label: "Invites people" });
    await expect(page.locator(".preview")).toContainText("Invite people");
  }),
  ofAdmin("new service account, wrong input", () => "/org/service-accounts/new", async ({ page }) => {
    await page.getByLabel("Its public key").fill("-----BEGIN PRIVATE KEY-----");
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expect(alertOn(page)).toBeVisible();
  }),
  {
    name: "new service account, signed",
    reach: async ({ page, office, passkey }) => {
      await enterAs(page, passkey, office.admin);
      await open(page, "/org/service-accounts/new");
      await fillNewProgram(page, { name: unique("Robot"), publicKey: newKey("Ed25519").publicKey, life: "1 year" });
      await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
      await sign(page, passkey, "Create and sign");
    },
  },
  {
    name: "service accounts, none",
    reach: async ({ page, mail, person, passkey }) => {
      await createOrganization(page, mail, person, passkey);
      await open(page, "/org/service-accounts");
    },
  },
  ofAdmin("access tokens", () => "/account/access-tokens"),
  ofAdmin("access token", ({ accessToken }) => accessToken.path),
  ofAdmin("new access token", () => "/account/access-tokens/new"),
  ofAdmin("account", () => "/account"),
  ofAdmin("account, a group of the kit mistyped", () => "/account", async ({ page }) => {
    await page.getByLabel("Recovery code").fill("10003-00002-00003-00004-00005-00006-00008");
    await page.getByRole("button", { name: "Test my kit" }).click();
    await expect(alertOn(page)).toBeVisible();
  }),
  ofAdmin("account, a new name for a passkey", () => "/account", async ({ page }) => {
    await page.locator("#passkeys").getByText("Rename", { exact: true }).first().click();
    await page.getByLabel("New name").first().fill("<b>");
    await page.locator("#passkeys").getByRole("button", { name: "Review" }).first().click();
    await expect(page.locator("#passkeys").getByText("Leave out < and >.")).toBeVisible();
  }),
  ofAdmin("account, a passkey that was made here", () => "/account", async ({ page, passkey }) => {
    const key = await passkey.securityKey();
    await key.approve(() => page.getByRole("button", { name: "Add a passkey on this device" }).click());
    await expect(page.getByLabel("How to call it")).toBeVisible();
  }),
  ofAdmin("account, a code for another device", () => "/account", async ({ page }) => {
    await page.getByRole("button", { name: "Add on another device" }).click();
    await expect(page.locator(".device-code")).toBeVisible();
  }),
  ofAdmin("account, a new kit", () => "/account/recovery-kit", async ({ page }) => {
    await readKitCode(page);
  }),
  { name: "another device", reach: ({ page }) => open(page, "/add-passkey") },
  {
    name: "another device, too late",
    reach: async ({ page, trouble }) => {
      trouble.allow(401, "/add-passkey/make");
      await open(page, "/add-passkey/make");
    },
  },
  { name: "recover", reach: ({ page }) => open(page, "/recover") },
  { name: "recover, the code", reach: ({ page, person }) => open(page, `/recover/code?email=${encodeURIComponent(person.email)}`) },
  {
    name: "recover, the kit",
    reach: async (stage) => {
      await comeToRecovery(stage);
    },
  },
  {
    name: "recover, a new passkey",
    reach: async (stage) => {
      await useKit(stage.page, await comeToRecovery(stage));
    },
  },
  {
    name: "recover, a new kit",
    reach: async (stage) => {
      const { page, passkey } = stage;
      await useKit(page, await comeToRecovery(stage));
      await passkey.approve(() => page.getByRole("button", { name: "Make a new passkey" }).click());
      await expectHeading(page, "Save your new kit");
      await ready(page);
      await readKitCode(page);
    },
  },
  {
    name: "recover, nothing under way",
    reach: async ({ page, trouble }) => {
      trouble.allow(401, "/recover/kit");
      await open(page, "/recover/kit");
    },
  },
  {
    name: "history, a break-glass",
    reach: async (stage) => {
      await breakGlass(stage);
      await open(stage.page, "/org/history");
      await expect(stage.page.locator(".entry.loud")).toBeVisible();
    },
  },
  {
    name: "history entry, a break-glass",
    reach: async (stage) => {
      await breakGlass(stage);
      await open(stage.page, "/org/history/2");
      await expect(stage.page.locator(".entry-words.loud")).toBeVisible();
    },
  },
  {
    name: "history, a change of the server's key",
    hasItsOwnServer: true,
    reach: async (stage) => {
      await rotateSecret(stage);
      await open(stage.page, "/org/history");
      await expect(stage.page.locator(".entry.loud")).toBeVisible();
    },
  },
  {
    name: "history entry, a change of the server's key",
    hasItsOwnServer: true,
    reach: async (stage) => {
      await rotateSecret(stage);
      await open(stage.page, "/org/history/1");
      await expect(stage.page.locator(".entry-verdict")).toHaveText("Verified in this browser");
    },
  },
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
      await signInByButton(page, passkey);
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
    name: "sign in, WebAssembly switched off",
    reach: async ({ page, trouble }) => {
      trouble.allowAny(/WebAssembly/);
      await page.addInitScript(withoutWebAssembly);
      await page.goto("/login");
      await expect(alertOn(page)).toBeVisible();
    },
  },
  {
    name: "new user, the program didn't load",
    reach: async ({ page, staff, passkey, trouble }) => {
      trouble.allowAny(/ERR_FAILED|Failed to fetch|preload/);
      await enterAs(page, passkey, staff.admin);
      await page.route("**/*.wasm", (route) => route.abort());
      await page.goto("/org/users/new");
      await expect(alertOn(page)).toBeVisible();
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
