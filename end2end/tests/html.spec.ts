import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "../support/fixtures.ts";
import { faultsOf } from "../support/html.ts";
import { enterAs } from "../support/office.ts";
import { open } from "../support/wizard.ts";

/** The routes that `app/src/lib.rs` lists, as they stand there. */
async function routes(): Promise<string[]> {
  const text = await readFile(resolve(import.meta.dirname, "../../app/src/lib.rs"), "utf8");
  return [...text.matchAll(/<Route path=path!\("([^"]+)"\)/g)].map((match) => match[1] ?? "");
}

function pattern(route: string): RegExp {
  return new RegExp(`^${route.replaceAll(/:[a-z]+/g, "[^/]+")}$`);
}

test("every page is HTML by the standard as the server sends it, whoever asks, and so is the API's description", async ({ page, passkey, staff }) => {
  const known = await routes();
  expect(known.length).toBeGreaterThan(25);
  const detailed = [staff.active, staff.invited, staff.deactivated, staff.permission, staff.archived, staff.serviceAccount, staff.accessToken].map(({ path }) => path);
  const paths = [
    ...known.filter((route) => !route.includes(":")),
    ...detailed,
    ...[`${staff.permission.path}/edit`, "/org/history/0", "/org/history/4", "/docs", "/no/such/page", "/org/users?q=nobody", "/get-started/mail?email=%3Cb%3E"],
  ];
  const pathnames = paths.map((path) => path.split("?")[0] ?? "");
  expect(known.filter((route) => !pathnames.some((path) => pattern(route).test(path))), "routes that nothing here asks for").toEqual([]);

  for (const who of ["signed out", "signed in"]) {
    if (who === "signed in") await enterAs(page, passkey, staff.admin);
    for (const path of paths) {
      const answer = await page.request.get(path);
      expect(answer.headers()["content-type"], `${path}, ${who}`).toContain("text/html");
      expect.soft(await faultsOf(await answer.text()), `${path}, ${who}`).toEqual([]);
    }
  }
});

test("faults are found", async ({ page }) => {
  await open(page, "/login");
  const html = await (await page.request.get("/login")).text();
  for (const [fault, broken] of [
    ["element-permitted-content", html.replace("<main", "<ul><p>x</p></ul><main")],
    ["no-dup-id", html.replace("<main", '<p id="main"></p><main')],
    ["no-missing-references", html.replace("<main", '<label for="nowhere">x</label><main')],
    ["no-dup-attr", html.replace("<main", '<main class="x" class="y"')],
    ["close-order", html.replace("</main>", "</section></main>")],
  ] as const) {
    expect((await faultsOf(broken)).join("\n"), fault).toContain(fault);
  }
});
