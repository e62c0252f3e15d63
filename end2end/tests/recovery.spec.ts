import { expect, test } from "../support/fixtures.ts";
import { group, groupFields, misread, readKitCode } from "../support/kit.ts";
import { Authenticator } from "../support/passkey.ts";
import { findCode, type MailServer } from "../support/smtp.ts";
import { alertOn, createOrganization, expectComplaint, expectDashboard, expectHeading, open, ready, signInByButton } from "../support/wizard.ts";
import type { Person } from "../support/person.ts";
import type { Page } from "@playwright/test";

/** From the sign-in page to the kit, by the newest mail of so many. */
async function typeMailedCode(page: Page, mail: MailServer, person: Person, mails: number): Promise<void> {
  await open(page, "/login");
  await page.getByText("Lost your passkey?").click();
  await page.getByRole("link", { name: "Recover your account" }).click();
  await ready(page);
  await page.getByLabel("Work email").fill(person.email);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await expect(page).toHaveURL(/\/recover\/code\?email=/);
  await ready(page);
  const { subject, text } = await mail.next(person.email, mails);
  expect(subject).toBe("Recover your account: your code");
  expect(text).toMatch(/From:\s+Chrome on Linux, /);
  await page.getByLabel("Code from the mail").fill(findCode(text) ?? "");
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Use your kit");
  await ready(page);
}

async function useKit(page: Page, code: string): Promise<void> {
  await page.getByLabel("Recovery code").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
}

async function finish(page: Page): Promise<string> {
  await expectHeading(page, "Save your new kit");
  await ready(page);
  const code = await readKitCode(page);
  for (const { field, number } of await groupFields(page)) await field.fill(group(code, number));
  await page.getByRole("button", { name: "Recover my account" }).click();
  await expect(page).toHaveURL(/\/account$/);
  return code;
}

test("somebody who lost every passkey comes back with mail and kit", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
  const kit = await createOrganization(page, mail, person, passkey);
  const found = await anotherBrowser();
  const device = await Authenticator.in(found);
  const sent: string[] = [];
  found.on("request", (request) => sent.push(request.url() + (request.postData() ?? "")));
  await typeMailedCode(found, mail, person, 2);

  await useKit(found, kit.replace(group(kit, 3), misread(group(kit, 3))));
  await expectComplaint(found.getByLabel("Recovery code"), /Group 3 isn't right/);
  await expect(alertOn(found)).toContainText("Nothing was sent");
  await useKit(found, kit.toLowerCase().replaceAll("-", " "));
  await expect(found.getByText("This is your kit.")).toBeVisible();
  await device.approve(() => found.getByRole("button", { name: "Make a new passkey" }).click());
  await expectHeading(found, "Save your new kit");
  await ready(found);
  const printed = await readKitCode(found);
  await found.reload();
  expect(await finish(found), "a printed kit stays good when the page is reloaded").toBe(printed);
  await expect(found.locator("#passkeys").getByRole("listitem")).toHaveCount(1);
  await expect(found.getByText("Recovered the account with the recovery kit")).toBeVisible();
  expect(await found.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(printed.slice(0, 5));
  for (const text of sent) {
    for (const code of [kit, printed]) {
      for (const piece of [code, code.replaceAll("-", ""), group(code, 2), group(code, 7)]) expect(text).not.toContain(piece);
    }
  }
  expect((await mail.next(person.email, 3)).subject).toBe("Your account was recovered");

  await open(found, "/org/history");
  await expect(found.getByText("All 2 entries on this page are verified in this browser.")).toBeVisible();
  await expect(found.getByRole("main")).toContainText("Recover your own account with the recovery kit");
  await found.getByRole("link", { name: "Recover your own account" }).click();
  await expect(found.getByRole("status")).toContainText("Verified");

  await page.goto("/org");
  await expect(page, "the session of before has ended").toHaveURL(/\/login/);
  trouble.allow(401, "/rpc/finish_sign_in");
  await signInByButton(page, passkey);
  await expect(alertOn(page)).toContainText("isn't known here");

  trouble.allow(422, "/rpc/prove_recovery_kit");
  const again = await anotherBrowser();
  await Authenticator.in(again);
  await typeMailedCode(again, mail, person, 4);
  await useKit(again, kit);
  await expect(alertOn(again)).toContainText("isn't of the account's present kit");
  await useKit(again, printed);
  await expect(again.getByText("This is your kit.")).toBeVisible();
});

test("the kit's square is read by the camera, where the browser can", async ({ anotherBrowser, page, mail, person, passkey }) => {
  const kit = await createOrganization(page, mail, person, passkey);
  const phone = await anotherBrowser();
  await phone.addInitScript((text) => {
    const canvas = document.createElement("canvas");
    navigator.mediaDevices.getUserMedia = () => {
      canvas.getContext("2d")?.fillRect(0, 0, 10, 10);
      return Promise.resolve(canvas.captureStream(10));
    };
    Object.assign(globalThis, {
      BarcodeDetector: class {
        static getSupportedFormats(): Promise<string[]> {
          return Promise.resolve(["qr_code"]);
        }
        looks = 0;
        detect(): Promise<{ rawValue: string }[]> {
          return Promise.resolve((this.looks += 1) < 3 ? [] : [{ rawValue: text }]);
        }
      },
    });
  }, kit);
  await Authenticator.in(phone);
  await typeMailedCode(phone, mail, person, 2);
  await phone.getByRole("button", { name: "Scan the square" }).click();
  await expect(phone.getByLabel("Recovery code")).toHaveValue(kit);
  await expect(phone.getByTitle("What the camera sees")).toBeHidden();
  await phone.getByRole("button", { name: "Continue" }).click();
  await expect(phone.getByText("This is your kit.")).toBeVisible();
});

test("an unknown address reads the same, and no step can be left out", async ({ page, person, passkey, trouble }) => {
  void passkey;
  await open(page, "/recover");
  await page.getByLabel("Work email").fill(person.email);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await expect(page).toHaveURL(/\/recover\/code/);
  await expect(page.getByRole("main")).toContainText(`If ${person.email} has an account here`);
  trouble.allow(400, "/rpc/type_recovery_code");
  await ready(page);
  await page.getByLabel("Code from the mail").fill("1234 5678 9012 3456");
  await page.getByRole("button", { name: "Continue" }).click();
  await expectComplaint(page.getByLabel("Code from the mail"), /This isn't the code/);
  for (const path of ["/recover/kit", "/recover/new-kit"]) {
    trouble.allow(401, path);
    await page.goto(path);
    await expect(page.getByRole("main")).toContainText("No recovery is under way in this browser");
    await page.getByRole("link", { name: "Begin again" }).click();
    await expect(page).toHaveURL(/\/recover$/);
  }
});

test("a lone admin who lost everything is let in by the operator's command, and everyone can see it", async ({ page, anotherBrowser, server, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const organization = (await page.locator("code.id").first().innerText()).trim();
  const refused = await server.command(["break-glass", "--user", person.email, "--organization", organization], "no\n");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("nothing was changed");
  const done = await server.command(["break-glass", "--user", person.email, "--organization", organization], `${person.email}\n`);
  expect(done.code, done.stderr).toBe(0);
  expect(done.stderr).toContain("every admin gets a mail");
  const code = findCode(done.stdout) ?? "";
  const link = /Page\s+(\S+)/.exec(done.stdout)?.[1] ?? "";
  await page.goto("/org");
  await expect(page).toHaveURL(/\/login/);
  const fresh = await anotherBrowser();
  const device = await Authenticator.in(fresh);
  await open(fresh, new URL(link).pathname + new URL(link).search);
  await fresh.getByLabel("Code from the mail").fill(code);
  await fresh.getByRole("button", { name: "Continue" }).click();
  await expectHeading(fresh, "Make a passkey");
  await ready(fresh);
  await device.approve(() => fresh.getByRole("button", { name: "Make a passkey" }).click());
  await expectHeading(fresh, "Save your recovery kit");
  await ready(fresh);
  const kit = await readKitCode(fresh);
  for (const { field, number } of await groupFields(fresh)) await field.fill(group(kit, number));
  await fresh.getByRole("button", { name: "Finish" }).click();
  await expectDashboard(fresh, person);
  expect((await mail.next(person.email, 2)).subject).toContain("Break-glass");
  await open(fresh, "/org/history");
  await expect(fresh.getByText("All 3 entries on this page are verified in this browser.")).toBeVisible();
  const loud = fresh.locator(".entry.loud");
  await expect(loud).toContainText(`Break-glass: let ${person.email} enrol again, without anyone's signature`);
  await expect(loud).toContainText("The server's operator");
});
