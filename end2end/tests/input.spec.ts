import { expect, test } from "../support/fixtures.ts";
import { ask, fromOwnPage } from "../support/http.ts";
import { newPerson } from "../support/person.ts";
import { alertOn, comeToKit, continueRefused, expectCheckMail, expectComplaint, expectHeading, fillAccount, giveAccount, open, receiveInvitation, saveKit } from "../support/wizard.ts";

test("an address that can't exist is told at the field; what was typed stays; then it goes on", async ({ page, mail, person, trouble }) => {
  trouble.allow(422, "/rpc/create_organization");
  await open(page, "/get-started");
  await fillAccount(page, { ...person, email: "ada@localhost" });
  await continueRefused(page);
  await expectComplaint(page.getByLabel("Work email"), /complete mail address/);
  await expect(page.getByLabel("Work email")).toHaveValue("ada@localhost");
  await expect(page.getByLabel("Your name")).toHaveValue(person.name);
  await expect(page.getByLabel("Organization's name")).toHaveValue(person.organization);
  await expect(page.getByLabel("Your name")).not.toHaveAttribute("aria-invalid", "true");
  await expect(alertOn(page)).toBeVisible();

  await page.getByLabel("Work email").fill(person.email);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await mail.next(person.email);
});

test("what is no address at all is told at the field, and nothing is sent", async ({ page, person, trouble }) => {
  trouble.allow(422, "/rpc/create_organization");
  await open(page, "/get-started");
  const field = page.getByLabel("Work email");
  for (const email of ["ada", "ada@", "ada@-example.org", "ada@exa_mple.org", `${"a".repeat(65)}@example.org`, ""]) {
    await test.step(email.slice(0, 20), async () => {
      await fillAccount(page, { ...person, email });
      await continueRefused(page);
      await expectComplaint(field, email === "" ? /Fill in/ : /complete mail address/);
      await expect(field).toHaveValue(email);
      await expectHeading(page, "Create an organization");
    });
  }
});

test("a hostile name is refused at its field, with its own sentence", async ({ page, person, mail, trouble }) => {
  trouble.allow(422, "/rpc/create_organization");
  await open(page, "/get-started");
  for (const [what, text, sentence] of [
    ["markup", '<img src=x onerror="alert(1)">', /Leave out < and >/],
    ["only spaces", "   ", /Fill in/],
    ["a reversed reading direction", "Ada\u202Ecalevol", /invisible/],
    ["too much", "x".repeat(101), /longer than 100/],
    ["an invisible character", "Ada\u200BLovelace", /invisible/],
    ["a closing script", "</script><script>alert(1)</script>", /Leave out < and >/],
  ] as const) {
    for (const [part, label, otherLabel] of [
      ["name", "Your name", "Organization's name"],
      ["organization", "Organization's name", "Your name"],
    ] as const) {
      await test.step(`${what} as ${part}`, async () => {
        await fillAccount(page, { ...person, [part]: text });
        await continueRefused(page);
        await expectComplaint(page.getByLabel(label), sentence);
        await expect(page.getByLabel(label), "what was typed stays").toHaveValue(text);
        await expect(page.getByLabel(otherLabel)).not.toHaveAttribute("aria-invalid", "true");
      });
    }
  }
  expect(mail.to(person.email)).toHaveLength(0);
});

test("line breaks in names and addresses never reach a mail's header", async ({ server, mail }) => {
  const person = newPerson();
  for (const change of [
    { name: "Ada\r\nBcc: eve@example.org" },
    { organization: "Engines\nBcc: eve@example.org" },
    { email: `${person.email}\r\nBcc: eve@example.org` },
    { name: "Ada\0" },
  ]) {
    const { email, name, organization } = { ...person, ...change };
    const answer = await ask(`${server.origin}/rpc/create_organization`, {
      method: "POST",
      headers: fromOwnPage(server.origin),
      form: { email, name, organization },
    });
    expect(answer.status, JSON.stringify(change)).toBe(422);
  }
  expect(mail.to("eve@example.org")).toHaveLength(0);
  expect(mail.to(person.email)).toHaveLength(0);
});

test("unusual but honest names are shown as they are, on pages and in mails", async ({ page, mail, passkey }) => {
  const mark = newPerson().email.slice(4, 12);
  const person = newPerson({ name: `李小龍 & “Söhne” {{7*7}} ${"&lt;b&gt;"}`, organization: `O’Connor & 'Söhne' "${mark}" %s \${x} محمد` });
  await comeToKit(page, mail, person, passkey);
  const letter = await mail.next(person.email);
  expect(letter.subject).toContain(person.organization);
  expect(letter.text).toContain(person.organization);
  await saveKit(page, person);
  await expect(page.locator("body")).toContainText(person.name);
});

test("unknown fields and methods that change nothing are refused or do nothing", async ({ page, server, mail, person }) => {
  await giveAccount(page, person);
  const { code, link } = await receiveInvitation(mail, person);
  const query = new URL(link).searchParams;
  query.set("code", code);
  const answer = await ask(`${server.origin}/rpc/activate?${query.toString()}`);
  expect(answer.status, "GET never does anything").toBeGreaterThanOrEqual(400);
  await open(page, link);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Make a passkey");
});

test("a body of megabytes is refused", async ({ server }) => {
  const answer = await ask(`${server.origin}/rpc/create_organization`, {
    method: "POST",
    headers: fromOwnPage(server.origin),
    form: { email: "ada@example.org", name: "x".repeat(5_000_000), organization: "y" },
  }).catch(() => undefined);
  // A server may also hang up before all of it was sent.
  if (answer !== undefined) expect([400, 413, 422]).toContain(answer.status);
  expect((await ask(`${server.origin}/health/ready`)).status).toBe(200);
});
