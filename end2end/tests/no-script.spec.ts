import { expect, test } from "../support/fixtures.ts";
import { readInvitation } from "../support/smtp.ts";
import { alertOn, comeToPasskey, createOrganization, expectCheckMail, expectHeading, expectPasskeyStep, fillAccount, makePasskey, receiveInvitation, wrongCode } from "../support/wizard.ts";

const noScript = { javaScriptEnabled: false } as const;

for (const [path, heading] of [
  ["/", "Every change, signed"],
  ["/login", "Sign in"],
  ["/get-started", "Create an organization"],
  ["/get-started/mail?email=ada%40example.org", "Check your mail"],
  ["/get-started/activate?email=ada%40example.org", "Enter the code"],
] as const) {
  test(`${path} reads without JavaScript`, async ({ anotherBrowser }) => {
    const page = await anotherBrowser(noScript);
    await page.goto(path);
    await expectHeading(page, heading);
    await expect(page.getByRole("main")).toBeVisible();
    expect((await page.getByRole("main").innerText()).length).toBeGreaterThan(60);
    await expect(page.locator("header, [role=banner]").first()).toBeVisible();
  });
}

test("account, mail and code work without JavaScript; the passkey's page says that it is needed", async ({ anotherBrowser, mail, person }) => {
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  const { code, link } = await receiveInvitation(mail, person);
  await page.goto(link);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
  await expect(page.getByRole("main")).toContainText(/JavaScript/, { useInnerText: true });
});

test("a new code can be sent without JavaScript", async ({ anotherBrowser, mail, person }) => {
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await page.getByRole("button", { name: "Send a new code" }).click();
  const fresh = readInvitation(await mail.next(person.email, 2));
  await expectCheckMail(page);
  await page.goto(fresh.link);
  await page.getByLabel("Code from the mail").fill(fresh.code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
});

test("what is refused is said without JavaScript", async ({ anotherBrowser, mail, person, trouble }) => {
  trouble.allow(422, /./);
  trouble.allow(400, /./);
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, { ...person, email: "ada@localhost" });
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Create an organization");
  await expect(alertOn(page)).toBeVisible();
  await expect(page.getByRole("main")).toContainText(/can.t be right/);

  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  const { code, link } = await receiveInvitation(mail, person);
  await page.goto(link);
  await page.getByLabel("Code from the mail").fill(wrongCode(code));
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Enter the code");
  await expect(alertOn(page)).toBeVisible();
  await expect(page.getByRole("main"), "still for the same address").toContainText(person.email);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
});

test("the kit's page says without JavaScript that it is needed", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await comeToPasskey(page, mail, person);
  await makePasskey(page, passkey);
  const kit = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  await kit.goto("/get-started/recovery-kit");
  await expectHeading(kit, "Save your recovery kit");
  await expect(kit.getByRole("main")).toContainText(/JavaScript/, { useInnerText: true });
});

test("the dashboard reads without JavaScript, and signing out works", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const plain = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  await plain.goto("/org");
  await expectHeading(plain, person.organization);
  await plain.getByRole("button", { name: "Sign out", exact: true }).click();
  await expectHeading(plain, "Sign in");
  await plain.goto("/org");
  await expect(plain).toHaveURL(/\/login/);
});

test("with WebAssembly blocked, every page of the way still reads and its forms work", async ({ page, mail, person, trouble }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "WebAssembly");
  });
  trouble.allowAny(/WebAssembly/);
  await page.goto("/get-started");
  await expectHeading(page, "Create an organization");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await page.goto((await receiveInvitation(mail, person)).link);
  await expectHeading(page, "Enter the code");
});
