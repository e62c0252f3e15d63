import type { Page } from "@playwright/test";
import { challengeOf, fingerprintOf } from "../support/document.ts";
import { expect, test } from "../support/fixtures.ts";
import {
  cancel,
  closeReceipt,
  dialogOn,
  enterAs,
  expectReceipt,
  fillNewUser,
  hire,
  insider,
  invite,
  newColleague,
  review,
  reviewRefused,
  sign,
} from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import type { Person } from "../support/person.ts";
import { countPasskeyCalls, decode, loseSignature, passkeyCalls, tamperWithAnswer, tamperWithDocument, type Document, type Prepared } from "../support/tamper.ts";
import { alertOn, expectHeading, open, reload } from "../support/wizard.ts";

/** Gets the form for a new user ready, and returns what opens the dialog. */
async function formFor(page: Page, colleague: Person): Promise<() => Promise<void>> {
  await open(page, "/org/users/new");
  await fillNewUser(page, colleague.email);
  return () => page.getByRole("button", { name: "Review and sign" }).click();
}

/** Whether somebody is in the list of users. */
async function expectUser(page: Page, email: string, isThere: boolean): Promise<void> {
  await open(page, `/org/users?q=${encodeURIComponent(email)}`);
  const main = page.getByRole("main");
  await (isThere ? expect(main).toContainText("Invited") : expect(main).toContainText("Nobody here fits this search"));
}

test("what is signed is the challenge of the very document that is shown", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  const answered = page.waitForResponse("**/rpc/prepare_change");
  const sent = page.waitForRequest("**/rpc/commit_change");
  const dialog = await review(page, await formFor(page, colleague));
  const shown = await dialog.locator(".fingerprint").innerText();
  await sign(page, passkey, "Create and sign");

  const prepared = (await (await answered).json()) as Prepared;
  expect(JSON.stringify(prepared), "the challenge isn't handed over").not.toMatch(/challenge/);
  const challenge = challengeOf(decode(prepared.document));
  const { response } = (await sent).postDataJSON() as { response: { response: { clientDataJSON: string; authenticatorData: string } } };
  const clientData = JSON.parse(decode(response.response.clientDataJSON).toString("utf8")) as { challenge: string; type: string };
  expect(clientData).toMatchObject({ type: "webauthn.get", challenge: challenge.toString("base64url") });
  const flags = decode(response.response.authenticatorData)[32] ?? 0;
  expect(flags & 0b101, "somebody was there, and verified").toBe(0b101);
  expect(shown).toBe(fingerprintOf(challenge));
});

test("cancelled at the passkey: a sentence, and nothing changed; then done", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  const dialog = await review(page, await formFor(page, colleague));
  await passkey.refuse(async () => {
    await dialog.getByRole("button", { name: "Create and sign" }).click();
    await expect(dialog.getByRole("alert")).toContainText(/Nothing was changed\. Try again/);
  });
  await expect(dialog.getByRole("alert")).toBeFocused();
  await expect(dialog.locator(".sign-sentence")).toContainText(colleague.email);
  await sign(page, passkey, "Create and sign");
  await closeReceipt(page);
  await expectUser(page, colleague.email, true);
});

test("pressed twice, by mouse or by keyboard, it is one change", async ({ page, mail, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/prepare_change");
  await enterAs(page, passkey, office.admin);
  const commits: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/rpc/commit_change")) commits.push(request.url());
  });
  for (const press of ["mouse", "keyboard"] as const) {
    const colleague = newColleague(office.admin.person);
    const dialog = await review(page, await formFor(page, colleague));
    const button = dialog.getByRole("button", { name: "Create and sign" });
    await passkey.approve(async () => {
      if (press === "mouse") return button.dblclick();
      await button.focus();
      await page.keyboard.press("Enter");
      await page.keyboard.press("Enter");
    });
    await expectReceipt(page);
    await closeReceipt(page);
    await mail.next(colleague.email);
  }
  expect(commits).toHaveLength(2);
});

test("opened and cancelled, by button, by Esc: nothing changed, and the focus is back where it was", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const path = await invite(page, passkey, newColleague(office.admin.person).email);
  await open(page, path);
  const button = page.getByRole("button", { name: "Send again" });
  for (const how of ["button", "Esc"] as const) {
    await review(page, () => button.click());
    if (how === "Esc") await page.keyboard.press("Escape");
    else await cancel(page);
    await expect(dialogOn(page)).toBeHidden();
    await expect(button).toBeFocused();
  }
  await test.step("and it can be opened again", () => review(page, () => button.click()));
});

test("while the device asks for the passkey, the dialog can't be left", async ({ page, mail, office, passkey }) => {
  await page.addInitScript(slowDevice);
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  const dialog = await review(page, await formFor(page, colleague));
  await dialog.getByRole("button", { name: "Create and sign" }).click();
  await expect(dialog).toContainText("Your device asks for your passkey now.");
  // Browsers close a dialog at the second Esc, whatever the page says to it.
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Cancel" }).click({ force: true });
  await expect(dialog.getByRole("heading", { name: "Review and sign" })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Create and sign" })).toHaveAttribute("aria-disabled", "true");
  await passkey.approve(() => page.evaluate(answerNow));
  await expectReceipt(page);
  await mail.next(colleague.email);
});

/** For `addInitScript`: a device that answers only after {@link answerNow}. */
function slowDevice(): void {
  const real = Object.getOwnPropertyDescriptor(CredentialsContainer.prototype, "get")?.value as CredentialsContainer["get"];
  CredentialsContainer.prototype.get = async function (this: CredentialsContainer, options?: CredentialRequestOptions) {
    await new Promise<void>((answer) => Object.assign(globalThis, { answer }));
    return real.call(this, options);
  };
}

/** For `evaluate`. */
function answerNow(): void {
  (globalThis as unknown as { answer: () => void }).answer();
}

test("the dialog keeps the focus and the page behind is out of reach", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const dialog = await review(page, await formFor(page, newColleague(office.admin.person)));
  await expect(dialog.getByRole("heading", { name: "Review and sign" })).toBeFocused();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    // Between the last stop and the first is the browser's own interface.
    expect(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null)).toBe(true);
  }
});

test("its five minutes go by: it says so, and is reviewed again", async ({ page, office, passkey }) => {
  await page.clock.install();
  await enterAs(page, passkey, office.admin);
  const dialog = await review(page, await formFor(page, newColleague(office.admin.person)));
  const before = await dialog.locator(".fingerprint").innerText();
  await page.clock.fastForward("05:01");
  await expect(dialog.getByRole("alert")).toContainText("The time to sign this is over. Nothing was changed.");
  await expect(dialog.getByRole("button", { name: "Create and sign" })).toBeHidden();
  await dialog.getByRole("button", { name: "Review again" }).click();
  await expect(dialog.getByRole("button", { name: "Create and sign" })).toBeVisible();
  await expect(dialog.locator(".fingerprint")).not.toHaveText(before);
  await sign(page, passkey, "Create and sign");
});

test("signed out in the meantime: it says so, with a way on", async ({ page, office, passkey, trouble }) => {
  trouble.allow(401, "/rpc/prepare_change");
  await enterAs(page, passkey, office.admin);
  const act = await formFor(page, newColleague(office.admin.person));
  await page.context().clearCookies();
  const dialog = await reviewRefused(page, act);
  await expect(dialog.getByRole("alert")).toContainText("You are signed out");
  await dialog.getByRole("link", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/login/);
});

test.describe("the connection is cut", () => {
  test("before the server has the signature: sent again, it is done once", async ({ page, mail, office, passkey, trouble }) => {
    trouble.allowAny(/ERR_CONNECTION_RESET/);
    await enterAs(page, passkey, office.admin);
    const colleague = newColleague(office.admin.person);
    const dialog = await review(page, await formFor(page, colleague));
    await loseSignature(page, "before");
    await passkey.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
    await expect(dialog.getByRole("alert")).toContainText("nobody knows here whether this was executed");
    await dialog.getByRole("button", { name: "Send again" }).click();
    await expectReceipt(page);
    await mail.next(colleague.email);
  });

  test("after it was executed: sent again, it gets the receipt, and is done once", async ({ page, mail, office, passkey, trouble }) => {
    trouble.allowAny(/ERR_CONNECTION_RESET/);
    await enterAs(page, passkey, office.admin);
    const colleague = newColleague(office.admin.person);
    const dialog = await review(page, await formFor(page, colleague));
    await loseSignature(page, "after");
    await passkey.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
    await dialog.getByRole("button", { name: "Send again" }).click();
    await expect(dialog).toContainText("It was done already, when it was sent the first time");
    await expectReceipt(page);
    await page.goto("/org/users");
    await expectUser(page, colleague.email, true);
    await mail.next(colleague.email);
    expect(mail.to(colleague.email)).toHaveLength(1);
  });
});

test.describe("a passkey of somebody else", () => {
  test("isn't even offered", async ({ page, anotherBrowser, mail, office, passkey }) => {
    await enterAs(page, passkey, office.admin);
    const grace = newColleague(office.admin.person);
    const other = await anotherBrowser();
    const theirs = await Authenticator.in(other);
    await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);

    const third = await anotherBrowser();
    const stolen = await Authenticator.in(third);
    await enterAs(third, stolen, { ...(await insider(other, theirs, grace)), cookies: office.admin.cookies });
    const dialog = await review(third, await formFor(third, newColleague(office.admin.person)));
    await stolen.present(true);
    await dialog.getByRole("button", { name: "Create and sign" }).click();
    await expect(dialog.getByRole("alert")).toContainText("Nothing was changed");
  });

  test("signs, because the page was tampered with: the server refuses, and says what to do", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
    trouble.allow(422, "/rpc/commit_change");
    await enterAs(page, passkey, office.admin);
    const grace = newColleague(office.admin.person);
    const other = await anotherBrowser();
    const theirs = await Authenticator.in(other);
    await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
    const thief = await insider(other, theirs, grace);

    const third = await anotherBrowser();
    const stolen = await Authenticator.in(third);
    await enterAs(third, stolen, { ...thief, cookies: office.admin.cookies });
    await tamperWithAnswer(third, (prepared) => {
      prepared.credentials = [{ type: "public-key", id: Buffer.from(thief.passkey.credentialId, "base64").toString("base64url"), transports: ["internal"] }];
    });
    const colleague = newColleague(office.admin.person);
    const dialog = await review(third, await formFor(third, colleague));
    await stolen.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
    await expect(dialog.getByRole("alert")).toContainText("The signature couldn't be verified, so nothing was changed.");
    await expect(dialog.getByRole("alert")).toContainText("Use a passkey of the account that you are signed in with.");
    await expectUser(page, colleague.email, false);
  });
});

test("an answer that doesn't hold is refused by the server with a sentence, and the right one is taken", async ({ page, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/commit_change");
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  const dialog = await review(page, await formFor(page, colleague));
  for (const bits of [{ isBadUV: true }, { isBadUP: true }, { isBogusSignature: true }]) {
    await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false, ...bits });
    const answered = page.waitForResponse("**/rpc/commit_change");
    await passkey.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
    expect((await answered).status(), JSON.stringify(bits)).toBe(422);
    await expect(dialog.getByRole("alert"), JSON.stringify(bits)).toContainText("The signature couldn't be verified, so nothing was changed.");
  }
  await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false });
  await sign(page, passkey, "Create and sign");
});

test.describe("a server that lies: the browser refuses to sign, and says why", () => {
  const ELSEWHERE = "01040-g2081-040g2081040g2081";
  const LIES: readonly (readonly [string, (document: Document) => void, RegExp])[] = [
    ["another email", ({ change }) => Object.assign(change["create_user"] ?? {}, { email: "mallory@example.org" }), /it is for another change, “Create user mallory@example\.org as Employee”/],
    ["another kind", ({ change }) => Object.assign(change["create_user"] ?? {}, { kind: "EndUser" }), /it is for another change, “Create user .* as End user”/],
    ["an external id", ({ change }) => Object.assign(change["create_user"] ?? {}, { external_id: "4711" }), /it is for another change, “.*, external id 4711”/],
    ["another organization", (document) => Object.assign(document, { organization: `or-${ELSEWHERE}` }), /it is for another organization, or-/],
    ["another user", (document) => Object.assign(document, { actor: { ...document.actor, email: "mallory@example.org" } }), /in the name of another user, mallory@example\.org/],
    ["another user of the same address", (document) => Object.assign(document, { actor: { ...document.actor, id: `us-${ELSEWHERE}` } }), /in the name of another user/],
    ["another origin", (document) => Object.assign(document, { origin: "https://evil.example" }), /it is for https:\/\/evil\.example, and this page is at another address/],
    ["another site's passkeys", (document) => Object.assign(document, { rp_id: "evil.example" }), /it is for passkeys of evil\.example/],
    ["another action", (document) => Object.assign(document, { id: `ac-${ELSEWHERE}` }), /it is of another action, /],
    ["an operation that isn't the change's", (document) => Object.assign(document, { operation: "Auth:Users:Delete" }), /so nothing was signed: /],
    ["a member that nobody knows", (document) => Object.assign(document, { extra: true }), /so nothing was signed: /],
    ["another version", (document) => Object.assign(document, { v: 2 }), /so nothing was signed: /],
  ];

  test("whatever it alters in the document", async ({ page, office, passkey }) => {
    await countPasskeyCalls(page);
    await enterAs(page, passkey, office.admin);
    const colleague = newColleague(office.admin.person);
    const act = await formFor(page, colleague);
    for (const [what, alter, says] of LIES) {
      await tamperWithDocument(page, alter);
      const dialog = await reviewRefused(page, act);
      await expect(dialog.getByRole("alert"), what).toContainText("The server's document isn't what you reviewed, so nothing was signed:");
      await expect(dialog.getByRole("alert"), what).toContainText(says);
      await expect(dialog.getByRole("button"), `${what}: nothing to sign with`).toHaveText(["Cancel"]);
      await cancel(page);
    }
    expect(await passkeyCalls(page)).toBe(0);
    await expectUser(page, colleague.email, false);
  });

  test("a document that is none, or that it names differently", async ({ page, office, passkey }) => {
    await countPasskeyCalls(page);
    await enterAs(page, passkey, office.admin);
    const act = await formFor(page, newColleague(office.admin.person));
    const answers: readonly ((prepared: Prepared) => void)[] = [
      (prepared) => Object.assign(prepared, { document: "" }),
      (prepared) => Object.assign(prepared, { document: Buffer.from("not JSON").toString("base64url") }),
      (prepared) => Object.assign(prepared, { document: Buffer.from("{}").toString("base64url") }),
      (prepared) => Object.assign(prepared, { action: `ac-${ELSEWHERE}` }),
    ];
    for (const alter of answers) {
      await tamperWithAnswer(page, alter);
      const dialog = await reviewRefused(page, act);
      await expect(dialog.getByRole("alert")).toContainText("The server's document isn't what you reviewed, so nothing was signed:");
      await expect(dialog.getByRole("button")).toHaveText(["Cancel"]);
      await cancel(page);
    }
    expect(await passkeyCalls(page)).toBe(0);
  });

  test("what it puts into the sentence is only text", async ({ page, office, passkey }) => {
    await enterAs(page, passkey, office.admin);
    const act = await formFor(page, newColleague(office.admin.person));
    await tamperWithDocument(page, (document) => Object.assign(document, { origin: `<img src=x onerror="alert(1)">` }));
    const dialog = await reviewRefused(page, act);
    await expect(dialog.getByRole("alert")).toContainText(`<img src=x onerror="alert(1)">`);
    await expect(dialog.locator("img")).toHaveCount(0);
  });

  test("and an honest one goes on being believed", async ({ page, office, passkey }) => {
    await enterAs(page, passkey, office.admin);
    const colleague = newColleague(office.admin.person);
    const act = await formFor(page, colleague);
    await tamperWithDocument(page, () => undefined);
    await review(page, act);
    await sign(page, passkey, "Create and sign");
    await closeReceipt(page);
    await expectUser(page, colleague.email, true);
  });
});

test("a document whose bytes were altered without altering what it says doesn't get through", async ({ page, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/commit_change");
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  const act = await formFor(page, colleague);
  await tamperWithDocument(page, (document) => Object.assign(document, { nonce: Buffer.alloc(32).toString("base64url") }));
  const dialog = await review(page, act);
  await passkey.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
  await expect(dialog.getByRole("alert")).toContainText("The signature couldn't be verified, so nothing was changed.");
  await expectUser(page, colleague.email, false);
});

test("a browser without WebAuthn is told so when it comes to signing", async ({ page, anotherBrowser, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const old = await anotherBrowser();
  await old.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "PublicKeyCredential");
  });
  await old.context().addCookies([...office.admin.cookies]);
  const dialog = await review(old, await formFor(old, newColleague(office.admin.person)));
  await dialog.getByRole("button", { name: "Create and sign" }).click();
  await expect(alertOn(old)).toContainText("This browser can't use passkeys.");
  await reload(old);
  await expectHeading(old, "New user");
});
