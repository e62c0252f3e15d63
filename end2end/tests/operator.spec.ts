import { expect, test } from "../support/fixtures.ts";
import { ask, fromOwnPage } from "../support/http.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson } from "../support/person.ts";
import { createOrganization, expectHeading, open, signInByButton, signOut } from "../support/wizard.ts";

const contact = "Grace in room 4 (grace@example.org)";

async function expectClosed(origin: string): Promise<void> {
  const { email, name, organization } = newPerson();
  const answer = await ask(`${origin}/rpc/create_organization`, { method: "POST", headers: fromOwnPage(origin), form: { email, name, organization } });
  expect(answer.status).toBe(403);
}

test("closed: the page says whom to ask, and nothing is created", async ({ page, startServer, mail, trouble }) => {
  trouble.allow(403, "/get-started");
  const server = await startServer({ smtpPort: mail.port, organizations: "closed", contact });
  await open(page, `${server.origin}/get-started`);
  await expect(page.getByRole("main")).toContainText(contact);
  await expect(page.getByRole("button", { name: "Continue" })).toBeHidden();
  await expectClosed(server.origin);
  await open(page, `${server.origin}/login`);
  await expectHeading(page, "Sign in");
});

test("closed without a contact still says what to do", async ({ page, startServer, mail, trouble }) => {
  trouble.allow(403, "/get-started");
  const server = await startServer({ smtpPort: mail.port, organizations: "closed" });
  await open(page, `${server.origin}/get-started`);
  await expect(page.getByRole("main")).toContainText(/ask|operator|administrator/i);
});

test("first: the first organization is made, then the page says whom to ask", async ({ anotherBrowser, startServer, mail, person, trouble }) => {
  trouble.allow(403, "/get-started");
  const server = await startServer({ smtpPort: mail.port, organizations: "first", contact });
  const page = await anotherBrowser({ baseURL: server.origin });
  const passkey = await Authenticator.in(page);
  await createOrganization(page, mail, person, passkey);

  const later = await anotherBrowser({ baseURL: server.origin });
  await open(later, "/get-started");
  await expect(later.getByRole("main")).toContainText(contact);
  await expect(later.getByRole("button", { name: "Continue" })).toBeHidden();
  await expectClosed(server.origin);

  await signOut(page);
  await signInByButton(page, passkey);
  await expectHeading(page, person.organization);
});

test("the server's secret is exchanged: the history says so, and verifies in the browser", async ({ anotherBrowser, startServer, mail, person }) => {
  const server = await startServer({ smtpPort: mail.port });
  const page = await anotherBrowser({ baseURL: server.origin });
  const passkey = await Authenticator.in(page);
  await createOrganization(page, mail, person, passkey);
  const done = await server.whileDown(() => server.command(["rotate-secret"], "rotate\n"));
  expect(done.code, done.stderr).toBe(0);
  expect((await mail.next(person.email, 2)).subject).toBe("The key that signs your organization's history was changed");
  await open(page, "/org/history");
  await expect(page.getByText("All 2 entries on this page are verified in this browser.")).toBeVisible();
  await expect(page.locator(".entry.loud")).toContainText("Changed the key by which the server signs checkpoints");
  await open(page, "/org/history/1");
  await expect(page.locator(".entry-verdict")).toHaveText("Verified in this browser");
  for (const key of ["Key before", "New key"]) await expect(page.getByRole("main")).toContainText(new RegExp(`${key}\\s*localhost:\\d+\\+[0-9a-f]{8}\\+`));
});

test("health is answered without telling anything", async ({ server }) => {
  for (const path of ["/health/live", "/health/ready"]) {
    const answer = await ask(`${server.origin}${path}`);
    expect(answer.status).toBe(200);
    expect(answer.headers["set-cookie"]).toBeUndefined();
    expect(answer.text).toBe("ok\n");
  }
});

test("the terminal says where to open the pages", async ({ startServer }) => {
  const server = await startServer({});
  expect(server.output).toContain(server.origin);
  expect(server.output, "and where mails can be read").toContain("/dev/mail");
});
