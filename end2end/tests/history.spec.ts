import type { Page } from "@playwright/test";
import { readFile, writeFile } from "node:fs/promises";
import { run } from "../support/command.ts";
import { challengeOf, fingerprintOf } from "../support/document.ts";
import { expect, test } from "../support/fixtures.ts";
import { enterAs, FINGERPRINT, fillNewUser, invite, newColleague, review, sign } from "../support/office.ts";
import { alterLine, decode, encode, flipped, tamperWithHistory, type HistoryProps } from "../support/tamper.ts";
import { createOrganization, expectHeading, open } from "../support/wizard.ts";

/** The entries on the page of history, newest first. */
function entries(page: Page) {
  return page.getByRole("main").getByRole("list").first().locator("> li");
}

/** One line of a list of facts. */
function fact(page: Page, label: string) {
  return page.getByRole("main").locator("dl > div").filter({ has: page.getByText(label, { exact: true }) }).getByRole("definition").first();
}

/** Downloads the export from the page, as a person does. */
async function exported(page: Page): Promise<string> {
  await open(page, "/org/history");
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export" }).click();
  return (await download).path();
}

test("every entry is shown in words, with its seal, verified by this browser", async ({ page, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  await open(page, "/org/history");
  const sentences = [
    `Create user ${staff.invited.email} as Employee, external id 4711`,
    `Deactivate ${staff.deactivated.email}`,
    `Create user ${staff.deactivated.email} as Employee`,
    `Give ${staff.active.person.email} the permission “${staff.permission.name}”`,
    "Signed up with a passkey and a recovery kit",
    `Create user ${staff.active.person.email} as Employee`,
    `Archive permission “${staff.archived.name}”`,
    `Create permission “${staff.archived.name}” with 1 operation`,
    `Create permission “${staff.permission.name}” with 2 operations`,
    `Created the organization “${staff.admin.person.organization}” and became its first admin`,
  ];
  // Tests that came before may have left entries on top of these.
  await expect(page.getByRole("status").filter({ hasText: "are verified in this browser" })).toHaveText(/^All \d+ entries/);
  const all = await entries(page).count();
  expect(all).toBeGreaterThanOrEqual(sentences.length);
  for (const [place, sentence] of sentences.entries()) {
    const entry = entries(page).nth(all - sentences.length + place);
    await expect(entry.getByRole("link")).toHaveText(sentence);
    await expect(entry).toContainText("Verified in this browser");
    await expect(entry).toContainText(sentence.startsWith("Signed up") ? staff.active.person.email : staff.admin.person.email);
    await expect(entry).toContainText(/(signed with|registered) Passkey/);
    await expect(entry.locator("time")).toHaveAttribute("datetime", /^20\d\d-/);
  }
});

test("an entry is opened from the receipt, down to the bytes that were signed", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const colleague = newColleague(office.admin.person);
  await open(page, "/org/users/new");
  await fillNewUser(page, colleague.email);
  const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  const fingerprint = await dialog.locator(".fingerprint").innerText();
  await sign(page, passkey, "Create and sign");
  await dialog.locator("dd").getByRole("link").click();

  await expectHeading(page, /^Entry \d+$/);
  const main = page.getByRole("main");
  await expect(main.getByRole("status").first()).toHaveText("Verified in this browser");
  await expect(main).toContainText(`Create user ${colleague.email} as Employee`);
  await expect(fact(page, "Who")).toHaveText(office.admin.person.email);
  await expect(fact(page, "Fingerprint")).toHaveText(fingerprint);
  await expect(fact(page, "Fingerprint")).toHaveText(FINGERPRINT);
  await expect(fact(page, "Needed operation")).toHaveText("Auth:Users:Create");
  await expect(fact(page, "The passkey says")).toContainText("the device verified that it was its owner");

  await main.getByText("The signed bytes").click();
  const bytes = await main.locator("pre").filter({ hasText: '{"actor"' }).first().innerText();
  const challenge = challengeOf(bytes).toString("base64url");
  await expect(fact(page, "Challenge")).toHaveText(challenge);
  await expect(main.locator("pre").filter({ hasText: '"webauthn.get"' }).first(), "what the browser signed").toContainText(challenge);

  await test.step("and from there to the entries beside it, back to the beginning", async () => {
    for (let index = Number(/\d+$/.exec(page.url())?.[0]); index > 0; index -= 1) {
      await page.getByRole("navigation", { name: "Entries beside this one" }).getByRole("link", { name: `Entry ${index - 1}`, exact: true }).click();
      await expectHeading(page, `Entry ${index - 1}`);
      if (index > 3) index = 3;
      if (index === 3) await open(page, "/org/history/2");
    }
    await expect(main.getByRole("status").first()).toHaveText("Verified in this browser");
    await expect(main).toContainText(`Created the organization “${office.admin.person.organization}”`);
    await expect(fact(page, "Key of the checkpoints")).toHaveText(/^localhost:\d+\+[0-9a-f]{8}\+/);
  });
});

test.describe("entries that aren't what was signed", () => {
  /** What is altered, by which the newest entry (or the one that is named) doesn't verify, and what the page says of it. */
  const ALTERATIONS: readonly (readonly [string, (props: HistoryProps) => void, RegExp, number?])[] = [
    ["a bit of the signature", (props) => alterLine(props, 0, ({ what }) => Object.assign(what.action ?? {}, { signature: flipped(what.action?.["signature"] ?? "", 40) })), /its signature isn't valid for this passkey and this document/],
    ["the document, another person in it", (props) => void nameEve(props), /the fingerprint that is shown isn't its document's/],
    [
      "the same, and the fingerprint that goes with it",
      (props) => {
        props.fingerprints?.splice(0, 1, fingerprintOf(challengeOf(nameEve(props))));
      },
      /its signature doesn't count\. .*challenge/i,
    ],
    ["what the passkey said: nobody verified", (props) => alterLine(props, 0, ({ what }) => Object.assign(what.action ?? {}, { authenticator_data: withoutVerification(what.action?.["authenticator_data"] ?? "") })), /its signature doesn't count\. .*verif/i],
    ["what the browser said", (props) => alterLine(props, 0, ({ what }) => Object.assign(what.action ?? {}, { client_data: encode('{"type":"webauthn.create"}') })), /its signature doesn't count/],
    ["the id of what was created", (props) => alterLine(props, 0, ({ what }) => Object.assign(what.action ?? {}, { created: "us-01040-g2081-040g2081040g2081" })), /it says that it created us-01040-g2081-040g2081040g2081, but its document creates us-/],
    ["when it was executed: a day later", (props) => alterLine(props, 0, (line) => Object.assign(line, { executed_at: line.executed_at + 86_400_000 })), /its document expired at .*, but was executed at/],
    ["its place", (props) => alterLine(props, 0, (line) => Object.assign(line, { index: line.index + 1 })), /it is entry \d+, where entry \d+ must be/],
    ["whose history it is in", (props) => alterLine(props, 0, (line) => Object.assign(line, { organization: "or-01040-g2081-040g2081040g2081" })), /it belongs to the history of another organization/],
    ["one comes twice", (props) => void props.page.lines.splice(0, 1, props.page.lines[1] ?? ""), /it is entry 1, where entry 2 must be/],
    ["two are swapped", (props) => void props.page.lines.splice(0, 2, props.page.lines[1] ?? "", props.page.lines[0] ?? ""), /it is entry \d+, where entry \d+ must be/, 1],
    ["the registration of its passkey is left out", (props) => void props.page.registrations.splice(0), /the entry that registered its passkey, cr-.*, isn't here or can't be read/],
    ["a line that can't be read", (props) => void (props.page.lines[0] = "{}"), /the entry can't be read/],
    [
      "the passkey in the beginning is another one",
      (props) => {
        const last = props.page.lines.length - 1;
        alterLine(props, last, ({ what }) => {
          const credentials = what.genesis?.["credentials"] as { passkey: { attestation_object: string } };
          credentials.passkey.attestation_object = flipped(credentials.passkey.attestation_object, 120);
        });
      },
      /the registration of its passkey doesn't hold/,
      -1,
    ],
  ];

  /** Puts somebody else into the newest entry's document, and returns it. */
  function nameEve(props: HistoryProps): string {
    let document = "";
    alterLine(props, 0, ({ what }) => {
      document = decode(what.action?.["document"] ?? "").toString("utf8").replaceAll("mary", "eve");
      Object.assign(what.action ?? {}, { document: encode(document) });
    });
    return document;
  }

  function withoutVerification(authenticatorData: string): string {
    const bytes = decode(authenticatorData);
    bytes[32] = (bytes[32] ?? 0) & ~0b100;
    return encode(bytes);
  }

  test("have a broken seal, and the reason in words; the others keep theirs", async ({ page, mail, person, passkey }) => {
    test.slow();
    await createOrganization(page, mail, person, passkey);
    await invite(page, passkey, "charles@example.org");
    await invite(page, passkey, "mary@example.org");
    for (const [what, alter, says, place = 0] of ALTERATIONS) {
      await tamperWithHistory(page, "/org/history", alter);
      await open(page, "/org/history");
      const broken = page.locator(".verdict.broken");
      await expect(broken.first(), what).toContainText("This entry doesn't verify: ");
      await expect((place === -1 ? entries(page).last() : entries(page).nth(place)).locator(".verdict"), what).toContainText(says);
      // Verdicts come one after the other, and the line on top when all are there.
      const report = page.getByRole("status").filter({ hasText: /can't be what was signed/ });
      await expect(report, what).toBeVisible();
      const [bad, good] = [await broken.count(), await page.locator(".verdict.verified").count()];
      expect(bad + good, `${what}: every entry has its verdict`).toBe(await entries(page).count());
      await expect(report, what).toContainText(`${bad} can't be what was signed`);
    }
  });

  test("the same on an entry's own page", async ({ page, staff, passkey }) => {
    await enterAs(page, passkey, staff.admin);
    await tamperWithHistory(page, "/org/history/4", (props) => alterLine(props, 0, ({ what }) => Object.assign(what.action ?? {}, { signature: flipped(what.action?.["signature"] ?? "", 40) })));
    await open(page, "/org/history/4");
    await expect(page.getByRole("main").getByRole("status").first()).toContainText("its signature isn't valid for this passkey and this document");
    await expect(page.locator(".verdict.verified")).toHaveCount(0);
  });
});

test("more entries than fit on a page: on and back, each verified", async ({ page, office, passkey }) => {
  test.slow();
  await enterAs(page, passkey, office.admin);
  const path = await invite(page, passkey, newColleague(office.admin.person).email);
  await open(page, "/org/history");
  const newest = Number(/\d+$/.exec((await entries(page).first().getByRole("link").getAttribute("href")) ?? "")?.[0]);
  for (let more = newest; more < 26; more += 1) {
    await open(page, path);
    await review(page, () => page.getByRole("button", { name: "Show link and code" }).click());
    await sign(page, passkey, "Show and sign");
  }
  await open(page, "/org/history");
  await expect(page.getByRole("status").filter({ hasText: "All 25 entries on this page are verified" })).toBeVisible();
  await page.getByRole("link", { name: "Older" }).click();
  await expect(page.getByRole("status").filter({ hasText: /All \d+ entries on this page are verified/ })).toBeVisible();
  await expect(page.getByRole("main")).toContainText("Created the organization");
  await page.getByRole("link", { name: "Newer" }).click();
  await expect(page.getByRole("status").filter({ hasText: "All 25 entries on this page are verified" })).toBeVisible();
  await expect(page).toHaveURL(/\/org\/history$/);
});

test("the export from the page is verified by the command, without the server; a flipped byte isn't", async ({ page, context, staff, passkey }, testInfo) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await enterAs(page, passkey, staff.admin);
  const file = await exported(page);
  const good = await run(["verify", file]);
  expect(good, good.stderr).toMatchObject({ code: 0 });
  expect(good.stdout).toMatch(new RegExp(`^Verified: \\d+ entries of “${staff.admin.person.organization}” \\(or-[0-9a-z-]+\\), 4 users, 2 programs, \\d+ permissions; root \\S+\n$`));

  const bytes = await readFile(file);
  const lines = bytes.toString("utf8").trimEnd().split("\n");
  expect(lines.at(-1)).toContain("checkpoint");
  for (const line of [0, 1, lines.length - 2]) {
    const start = lines.slice(0, line).reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
    const altered = Buffer.from(bytes);
    const place = start + Math.floor(Buffer.byteLength(lines[line] ?? "") / 2);
    altered[place] = (altered[place] ?? 0) ^ 1;
    const other = testInfo.outputPath(`flipped-${line}.jsonl`);
    await writeFile(other, altered);
    const bad = await run(["verify", other]);
    expect(bad.code, bad.stdout).toBe(1);
    // What is wrong in the beginning, such as a key, shows at the first entry that needs it.
    expect(bad.stderr).toMatch(line === 0 ? /entry [01] is bad/ : new RegExp(`entry ${line} is bad`));
    expect(bad.stdout).toBe("");
  }

  await test.step("a checkpoint that was copied from the page and kept goes with it", async () => {
    await page.getByText("Checkpoint", { exact: true }).click();
    await page.getByRole("button", { name: "Copy the checkpoint" }).click();
    await expect(page.getByRole("status").filter({ hasText: "Copied" })).toBeVisible();
    const kept = testInfo.outputPath("kept.txt");
    await writeFile(kept, await page.evaluate(() => navigator.clipboard.readText()));
    const both = await run(["verify", "--checkpoint", kept, file]);
    expect(both, both.stderr).toMatchObject({ code: 0 });
  });
});
