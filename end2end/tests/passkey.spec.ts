import { expect, test } from "../support/fixtures.ts";
import { failWith, failingCreate, withoutWebAuthn } from "../support/passkey.ts";
import { alertOn, comeToPasskey, expectKitStep, expectPasskeyStep, makePasskey, ready, saveKit } from "../support/wizard.ts";

test("cancelled, then done", async ({ page, mail, person, passkey }) => {
  await comeToPasskey(page, mail, person);
  await ready(page);
  await passkey.refuse(async () => {
    await page.getByRole("button", { name: "Make a passkey" }).click();
    await expect(alertOn(page)).toContainText(/nothing was (saved|changed)/i);
  });
  expect(await passkey.passkeys()).toHaveLength(0);
  await expectPasskeyStep(page);

  await passkey.approve(() => page.getByRole("button", { name: /Make a passkey|Try again/ }).click());
  await expectKitStep(page);
  await saveKit(page, person);
});

test("the page says what is about to happen before it happens", async ({ page, mail, person }) => {
  await comeToPasskey(page, mail, person);
  await expect(page.getByRole("main")).toContainText(/Face ID|Touch ID|Windows Hello|face|finger|PIN/);
  await expect(page.getByRole("main")).toContainText(person.organization);
});

test("the options ask for a discoverable passkey, verification, and no attestation", async ({ page, mail, person, passkey }) => {
  await comeToPasskey(page, mail, person);
  // Read on its way: once the page has moved on, the browser gives an answer's body away.
  let asked: Options | undefined;
  await page.route("**/rpc/start_passkey", async (route) => {
    const response = await route.fetch();
    asked = (await response.json()) as Options;
    await route.fulfill({ response });
  });
  await makePasskey(page, passkey);
  if (asked === undefined) throw new Error("the page asked for no options");
  expect(asked).toMatchObject({
    rp: { id: "localhost" },
    pubKeyCredParams: [{ alg: -7 }, { alg: -257 }],
    attestation: "none",
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
    excludeCredentials: [],
  });
  expect(Buffer.from(asked.user.id, "base64url")).toHaveLength(16);
  expect(Buffer.from(asked.challenge, "base64url").length).toBeGreaterThanOrEqual(32);
  for (const name of [asked.user.name, asked.user.displayName]) {
    expect(name, "one person may have passkeys of several organizations").toContain(person.organization);
  }
});

interface Options {
  readonly challenge: string;
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
}

test("a browser without WebAuthn is told so, with ways out", async ({ page, mail, person }) => {
  await page.addInitScript(withoutWebAuthn);
  await comeToPasskey(page, mail, person);
  await ready(page);
  const main = page.getByRole("main");
  await expect(main).toContainText(/phone/i);
  await expect(main).toContainText(/security key/i);
  await expect(main).toContainText(/password manager/i);
  await expect(alertOn(page)).toContainText(/can.t use passkeys/);
});

test("every error that a browser can give has its own sentence and a way on", async ({ page, mail, person }) => {
  await page.addInitScript(failingCreate, "NotAllowedError");
  await comeToPasskey(page, mail, person);
  const sentences: string[] = [];
  for (const name of ["NotAllowedError", "InvalidStateError", "ConstraintError", "SecurityError", "OperationError"]) {
    await page.evaluate(failWith, name);
    await page.getByRole("button", { name: /Make a passkey|Try again/ }).click();
    for (const sentence of sentences) await expect(alertOn(page), `${name} has the sentence of another error`).not.toHaveText(sentence);
    await expect(alertOn(page), name).toContainText(/nothing was (saved|changed)/i);
    await expect(page.getByRole("button", { name: /Make a passkey|Try again/ }), name).toBeEnabled();
    const sentence = await alertOn(page).innerText();
    expect(sentence, "people read sentences, not the names of errors").not.toContain(name);
    sentences.push(sentence);
  }
});
