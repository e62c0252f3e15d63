import { expect, test } from "../support/fixtures.ts";
import { ask, fromOwnPage, fromPlainForm, type Answer } from "../support/http.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson, type Person } from "../support/person.ts";
import { MailServer, findCode, linksOf, readInvitation } from "../support/smtp.ts";
import {
  activate,
  createOrganization,
  expectCheckMail,
  expectHeading,
  fillAccount,
  giveAccount,
  open,
  ORGANIZATION_ID,
  receiveInvitation,
  sendNewCode,
} from "../support/wizard.ts";

test("the mail reads well in text and in HTML, and says what it must", async ({ page, server, mail, person }) => {
  await giveAccount(page, person);
  const letter = await mail.next(person.email);
  expect(letter.from).toBe("countersign@example.org");
  expect(letter.subject).toContain(person.organization);
  expect(letter.messageId).toMatch(/^<[^@\s]+@[^@\s]+>$/);
  const { code, link } = readInvitation(letter);
  expect(link.startsWith(`${server.origin}/get-started/activate?`)).toBe(true);
  expect(letter.html).not.toBe("");
  expect(findCode(letter.html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " "))).toBe(code);
  expect(linksOf(letter.html)).toContain(link);
  for (const part of [letter.text, letter.html]) {
    expect(part, "how long it works").toMatch(/4 hours|20\d\d-\d\d-\d\d/);
    expect(part).toMatch(ORGANIZATION_ID);
  }
  expect(letter.html, "nothing is loaded from anywhere").not.toMatch(/<(img|script|link|iframe)\b|url\(/i);
});

test.describe("a mail server in trouble", () => {
  test("that can't take the mail now: it is delivered later", async ({ page, mail, person }) => {
    mail.policy(person.email, { refuse: 451 });
    await giveAccount(page, person);
    await mail.tried(person.email, 1);
    mail.policy(person.email, "accept");
    await activate(page, await receiveInvitation(mail, person));
    expect(mail.to(person.email)).toHaveLength(1);
  });

  test("that refuses the address: the page answers, and a new code can be sent", async ({ page, mail, person }) => {
    mail.policy(person.email, { refuse: 550 });
    await giveAccount(page, person);
    await mail.tried(person.email, 1);
    expect(mail.to(person.email)).toHaveLength(0);
    mail.policy(person.email, "accept");
    await sendNewCode(page);
    await activate(page, await receiveInvitation(mail, person));
  });

  test("that is down: the page answers at once, and the mail comes when it is up again", async ({ page, startServer, person }) => {
    const post = await MailServer.start();
    const server = await startServer({ smtpPort: post.port });
    await post.down();
    await open(page, `${server.origin}/get-started`);
    await fillAccount(page, person);
    await page.getByRole("button", { name: "Continue" }).click();
    await expectCheckMail(page);
    await page.waitForTimeout(1_000);
    await post.up();
    const letter = await post.next(person.email, 1, 30);
    await activate(page, readInvitation(letter));
    await page.waitForTimeout(500);
    expect(post.to(person.email), "and it comes once").toHaveLength(1);
    await post.down();
  });

  test("that hangs in the middle: pages don't wait for it, and nobody's mail is lost", async ({ page, anotherBrowser, mail, person }) => {
    mail.policy(person.email, "hang");
    await giveAccount(page, person);
    await mail.tried(person.email, 1);
    const somebodyElse = newPerson();
    const other = await anotherBrowser();
    await giveAccount(other, somebodyElse);
    mail.policy(person.email, "accept");
    await activate(other, await receiveInvitation(mail, somebodyElse));
    await activate(page, await receiveInvitation(mail, person));
  });
});

test.describe("nothing tells whether an address is known", () => {
  /** An answer without what differs from one request to the next. */
  function comparable(answer: Answer, { email }: Person): unknown {
    const changing = new Set(["date", "content-length", "x-request-id"]);
    const plain = (text: string): string =>
      text
        .replaceAll(email, "EMAIL")
        .replaceAll(encodeURIComponent(email), "EMAIL")
        .replace(new RegExp(ORGANIZATION_ID, "g"), "ORGANIZATION")
        .replace(/nonce-[\w+/=-]+/g, "NONCE");
    return {
      status: answer.status,
      text: plain(answer.text),
      headers: Object.fromEntries(
        Object.entries(answer.headers)
          .filter(([name]) => !changing.has(name))
          .map(([name, value]) => [name, name === "set-cookie" ? [value].flat().map((one) => one?.replace(/=[^;]*/, "=…")) : plain(String(value))]),
      ),
    };
  }

  test("creating an organization answers the same; the mails differ", async ({ page, server, mail, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    const unknown = newPerson({ organization: person.organization });
    const known = { ...person };
    for (const headers of [fromOwnPage(server.origin), fromPlainForm(server.origin, "/get-started")]) {
      const answers = await Promise.all(
        [known, unknown].map(async ({ email, name, organization }) =>
          ask(`${server.origin}/rpc/create_organization`, { method: "POST", headers, form: { email, name, organization } }),
        ),
      );
      const [forKnown, forUnknown] = answers;
      if (forKnown === undefined || forUnknown === undefined) throw new Error("no answers");
      expect(forUnknown.status).toBeLessThan(400);
      expect(comparable(forKnown, known)).toEqual(comparable(forUnknown, unknown));
    }
    const [toKnown, toUnknown] = [await mail.next(known.email, 2), await mail.next(unknown.email, 1)];
    const plain = (text: string, email: string): string =>
      text.replaceAll(email, "EMAIL").replaceAll(encodeURIComponent(email), "EMAIL").replace(new RegExp(ORGANIZATION_ID, "g"), "ORGANIZATION").replace(/\d+/g, "#");
    expect(plain(toKnown.text, known.email)).not.toBe(plain(toUnknown.text, unknown.email));
    expect(toKnown.text, "who is known is told how to sign in").toContain(`${server.origin}/login`);
  });

  test("the page that follows looks the same", async ({ page, anotherBrowser, mail, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    const unknown = newPerson();
    const look = async (somebody: Person): Promise<string> => {
      const browser = await anotherBrowser();
      await giveAccount(browser, somebody);
      const text = await browser.getByRole("main").innerText();
      return text.replaceAll(somebody.email, "EMAIL").replaceAll(somebody.organization, "NAME").replace(new RegExp(ORGANIZATION_ID, "g"), "ORGANIZATION").replace(/\d\d:\d\d/g, "TIME");
    };
    expect(await look({ ...newPerson(), email: person.email })).toBe(await look(unknown));
  });

  test("sending a new code answers the same, and mails nobody who didn't ask for an organization", async ({ page, server, mail, person, passkey, anotherBrowser }) => {
    await createOrganization(page, mail, person, passkey);
    const waiting = newPerson();
    const other = await anotherBrowser();
    await giveAccount(other, waiting);
    const { link } = await receiveInvitation(mail, waiting);
    const stranger = newPerson();
    const organization = ORGANIZATION_ID.exec(link)?.[0] ?? "";
    const answers = await Promise.all(
      [person, waiting, stranger].map(async (somebody) =>
        comparable(
          await ask(`${server.origin}/rpc/send_new_code`, {
            method: "POST",
            headers: fromOwnPage(server.origin),
            form: { email: somebody.email, organization },
          }),
          somebody,
        ),
      ),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[2]).toEqual(answers[1]);
    await mail.next(waiting.email, 2);
    expect(mail.to(stranger.email)).toHaveLength(0);
  });

  test("a wrong code answers the same for a known and an unknown address", async ({ page, server, mail, person }) => {
    await giveAccount(page, person);
    const { link } = await receiveInvitation(mail, person);
    const organization = ORGANIZATION_ID.exec(link)?.[0] ?? "";
    const stranger = newPerson();
    const [known, unknown] = await Promise.all(
      [person, stranger].map(async (somebody) => {
        const answer = await ask(`${server.origin}/rpc/activate`, {
          method: "POST",
          headers: fromOwnPage(server.origin),
          form: { email: somebody.email, organization, code: "0000 0000 0000 0000" },
        });
        return comparable(answer, somebody);
      }),
    );
    expect(unknown).toEqual(known);
  });
});

test.describe("without a mail server", () => {
  test("the way by the local mailbox, which the terminal points to", async ({ page, startServer, person }) => {
    const server = await startServer({});
    await open(page, `${server.origin}/get-started`);
    await fillAccount(page, person);
    await page.getByRole("button", { name: "Continue" }).click();
    await expectCheckMail(page);
    await page.getByRole("main").getByRole("link", { name: /mailbox|mail on this machine|read the mail/i }).first().click();
    await expect(page).toHaveURL(/\/dev\/mail$/);
    await expect(page.getByRole("main")).toContainText(person.email);
    await expect(page.getByRole("main")).toContainText(/\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}/);
    const invitation = readInvitation({ text: await page.getByRole("main").innerText() });
    await expect.poll(() => server.output, "the terminal says that there is a mail").toContain(person.email);
    expect(server.output.replace(/\D/g, ""), "and where, but not what: terminals get recorded").not.toContain(invitation.code.replace(/\D/g, ""));
    // A request's id (a UUID, in colours) may have sixteen digits in a row where a code would.
    expect(server.output.replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, ""), "nor any other").not.toMatch(/\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}/);

    const passkey = await Authenticator.in(page);
    await activate(page, invitation);
    await passkey.approve(() => page.getByRole("button", { name: "Make a passkey" }).click());
    await expectHeading(page, "Save your recovery kit");
  });

  test("and with one, there is no local mailbox and no code on the terminal", async ({ page, server, mail, person }) => {
    expect((await ask(`${server.origin}/dev/mail`)).status).toBe(404);
    const answer = await ask(`${server.origin}/rpc/local_mails`, { method: "POST", headers: fromOwnPage(server.origin), form: {} });
    expect(answer.status).toBe(404);
    await giveAccount(page, person);
    const { code } = await receiveInvitation(mail, person);
    expect(server.output.replace(/\D/g, "")).not.toContain(code);
  });
});
