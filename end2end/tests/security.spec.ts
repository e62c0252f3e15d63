import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { ask, fromOwnPage } from "../support/http.ts";
import { Authenticator } from "../support/passkey.ts";
import { comeToPasskey, createOrganization, expectHeading, giveAccount, makePasskey, open, saveKit, signInByButton, signOut, switchOffAutofill } from "../support/wizard.ts";

test.describe("cookies", () => {
  test("are HttpOnly and SameSite, and have no Secure on http://localhost", async ({ page, context, mail, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    const cookies = await context.cookies();
    expect(cookies.length, "there is a session").toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie, cookie.name).toMatchObject({ httpOnly: true, secure: false, path: "/" });
      expect(["Lax", "Strict"], cookie.name).toContain(cookie.sameSite);
      expect(cookie.value.length, "at least 128 bits").toBeGreaterThanOrEqual(22);
    }
    expect(await page.evaluate(() => document.cookie)).toBe("");
    const left = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    expect(left, "nothing secret is left behind").toBe("[{},{}]");
  });

  test("get a new value when the registration signs in, and at every sign-in", async ({ page, context, mail, person, passkey }) => {
    const seen = new Set<string>();
    const newValues = async (when: string): Promise<void> => {
      for (const { name, value } of await context.cookies()) {
        expect(seen.has(value), `${name} ${when} is an old value`).toBe(false);
        seen.add(value);
      }
    };
    await comeToPasskey(page, mail, person);
    await newValues("after the code");
    await makePasskey(page, passkey);
    await saveKit(page, person);
    await newValues("after registering");
    for (const time of ["first", "second"]) {
      await signOut(page);
      for (const { value } of await context.cookies()) seen.add(value);
      await signInByButton(page, passkey);
      await expect(page).toHaveURL(/\/org$/);
      await newValues(`after the ${time} sign-in`);
    }
  });

  test("a visitor gets none", async ({ page, context }) => {
    for (const path of ["/", "/login", "/get-started", "/get-started/mail?email=ada%40example.org"]) await open(page, path);
    expect(await context.cookies()).toEqual([]);
  });
});

test.describe("headers", () => {
  test("are on every response", async ({ page, server }) => {
    const assets = new Set<string>();
    page.on("response", (response) => {
      const { origin, pathname } = new URL(response.url());
      if (origin === server.origin && pathname !== "/") assets.add(pathname);
    });
    await open(page, "/");
    expect([...assets].some((path) => path.endsWith(".wasm")), [...assets].join(" ")).toBe(true);

    const targets: { path: string; post?: boolean }[] = [
      ...["/", "/login", "/get-started", "/get-started/mail", "/get-started/activate", "/get-started/passkey", "/get-started/recovery-kit", "/org"],
      ...["/health/ready", "/no/such/page", "/rpc/viewer", "/rpc/no_such_function", "/dev/mail", "/../Cargo.toml", "/pkg/"],
      ...assets,
    ].map((path) => ({ path }));
    targets.push({ path: "/rpc/viewer", post: true }, { path: "/rpc/create_organization", post: true }, { path: "/", post: true });
    for (const { path, post } of targets) {
      const answer = await ask(`${server.origin}${path}`, post === true ? { method: "POST", headers: fromOwnPage(server.origin), form: {} } : {});
      const what = `${post === true ? "POST" : "GET"} ${path} (${answer.status})`;
      const policy = String(answer.headers["content-security-policy"]);
      for (const part of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) expect(policy, what).toContain(part);
      expect(policy, what).not.toMatch(/'unsafe-inline'|'unsafe-eval'|\*/);
      expect(answer.headers, what).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": expect.stringMatching(/^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin)$/),
        "permissions-policy": expect.stringMatching(/publickey-credentials-get=\(self\)/),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": expect.stringMatching(/^same-(origin|site)$/),
      });
      expect(answer.headers["strict-transport-security"], `${what}: not on http`).toBeUndefined();
      expect(answer.headers["server"], what).toBeUndefined();
      expect(answer.headers["x-powered-by"], what).toBeUndefined();
      expect(answer.status, what).toBeLessThan(500);
    }
  });

  test("the policy's nonce is another one each time, and what the page uses", async ({ server }) => {
    const nonces = new Set<string>();
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await ask(`${server.origin}/login`);
      const nonce = /'nonce-([^']+)'/.exec(String(answer.headers["content-security-policy"]))?.[1] ?? "";
      expect(nonce.length).toBeGreaterThanOrEqual(16);
      expect(answer.text).toContain(nonce);
      nonces.add(nonce);
    }
    expect(nonces.size).toBe(3);
  });

  test("pages of somebody signed in are not kept by caches; hashed files are", async ({ page, mail, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    const dashboard = await page.request.get("/org");
    expect(dashboard.headers()["cache-control"]).toContain("no-store");
    const wasm = page.waitForResponse((response) => response.url().endsWith(".wasm"));
    await page.reload();
    expect((await (await wasm).allHeaders())["cache-control"]).toMatch(/immutable|max-age=\d{5,}/);
  });
});

test.describe("other sites", () => {
  for (const [what, headers] of [
    ["another origin", { origin: "https://evil.example" }],
    ["another origin, said by the browser", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["another port of this machine", { origin: "http://localhost:1", "sec-fetch-site": "same-site" }],
    ["a sandboxed frame", { origin: "null" }],
  ] as const) {
    test(`can't post: ${what}`, async ({ server, mail, person }) => {
      for (const name of ["create_organization", "send_new_code", "activate", "sign_out", "start_sign_in", "finish_sign_in", "viewer"]) {
        const { email, name: own, organization } = person;
        const answer = await ask(`${server.origin}/rpc/${name}`, { method: "POST", headers, form: { email, name: own, organization, code: "" } });
        expect(answer.status, name).toBe(403);
      }
      expect(mail.to(person.email)).toHaveLength(0);
    });
  }

  test("can't read: no CORS header for them", async ({ server }) => {
    for (const method of ["GET", "OPTIONS"] as const) {
      const answer = await ask(`${server.origin}/rpc/viewer`, {
        method,
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
      });
      expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    }
  });

  test("can't put a page into a frame", async ({ page, anotherBrowser, trouble, server }) => {
    trouble.allowAny(/frame-ancestors|Refused to frame|Framing|violates|ERR_BLOCKED/i);
    await open(page, "/login");
    const evil = await anotherBrowser();
    await evil.route("http://evil.localhost/", (route) =>
      route.fulfill({ contentType: "text/html", body: `<!doctype html><iframe src="${server.origin}/login"></iframe>` }),
    );
    await evil.goto("http://evil.localhost/");
    await expect(evil.frameLocator("iframe").getByRole("heading", { name: "Sign in" })).toHaveCount(0);
  });
});

test("what is asked of the server when nobody is signed in is refused", async ({ server }) => {
  for (const name of ["viewer", "registration", "start_passkey", "keep_passkey", "finish_registration"]) {
    const answer = await ask(`${server.origin}/rpc/${name}`, { method: "POST", headers: fromOwnPage(server.origin), form: {} });
    expect(answer.status, name).toBeGreaterThanOrEqual(400);
    expect(answer.status, name).toBeLessThan(500);
  }
});

test("`?next=` leads only to this site", async ({ page, mail, person, passkey, server }) => {
  await switchOffAutofill(page);
  await createOrganization(page, mail, person, passkey);
  for (const next of ["//evil.example/", "/\\evil.example", "/\t/evil.example", "https:evil.example", "javascript:document.title='run'"]) {
    await signOut(page);
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.locator('html[data-hydrated="true"]').waitFor({ state: "attached" });
    await passkey.approve(() => page.getByRole("button", { name: "Sign in with a passkey" }).click());
    await expect(page).toHaveURL(`${server.origin}/org`);
    expect(await page.title()).not.toBe("run");
  }
});

test("what a page's policy doesn't allow is stopped, noticed by these tests, and told to the server without what is private", async ({ page, trouble, server }) => {
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  trouble.allowAny(/Content Security Policy|trusted/i);
  trouble.allow(404, "/no/such/picture");
  await open(page, "/get-started/mail?email=private%40example.org");
  const before = server.output.length;
  const run = await page.evaluate(async () => {
    const ran: string[] = [];
    Object.assign(globalThis, { ran });
    // What is called for the tests themselves may evaluate texts; what comes in a task of its own may not.
    await new Promise((done) => setTimeout(done));
    const attempt = (act: () => void): void => {
      try {
        act();
      } catch {
        // Refused at once.
      }
    };
    const image = document.createElement("img");
    attempt(() => image.setAttribute("onerror", "ran.push('handler')"));
    image.src = "/no/such/picture";
    attempt(() => document.body.append(image));
    attempt(() => {
      const script = document.createElement("script");
      script.textContent = "ran.push('script')";
      document.body.append(script);
    });
    attempt(() => {
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.head.append(style);
    });
    attempt(() => document.querySelector("main")?.setAttribute("style", "display: none"));
    attempt(() => void new Function("ran.push('function')")());
    attempt(() => void setTimeout("ran.push('timer')"));
    attempt(() => void (location.href = "javascript:ran.push('link')"));
    await fetch("https://evil.example/").then(() => ran.push("fetch"), () => undefined);
    await new Promise((done) => setTimeout(done, 200));
    return ran;
  });
  expect(run).toEqual([]);
  await expect(page.getByRole("main")).toBeVisible();
  for (const directive of ["require-trusted-types-for", "style-src-elem", "style-src-attr", "script-src-elem", "connect-src"]) {
    expect(said.join("\n"), "the tests' own watch").toContain(`Content Security Policy violation: ${directive}`);
    await expect.poll(() => server.output.slice(before)).toContain(`"${directive}"`);
  }
  expect(server.output.slice(before)).toContain("a page's policy was violated");
  expect(server.output.slice(before)).not.toContain("private");
});

/** A page that comes out of the browser's back/forward cache isn't loaded again. */
async function back(page: Page): Promise<void> {
  await page.goBack({ waitUntil: "commit" });
}

test.describe("after signing out", () => {
  // Playwright switches the browser's back/forward cache off, and Chromium keeps pages that are `no-store` in it only lately.
  const args = ["--enable-features=CacheControlNoStoreEnterBackForwardCache,CacheControlNoStoreRestoreBackForwardCacheUnlessHTTPOnlyCookieChange"];

  for (const [where, signOutThere] of [
    ["here", (page) => signOut(page)],
    [
      "in another tab",
      async (page) => {
        const other = await page.context().newPage();
        await open(other, "/account");
        await signOut(other);
        await other.close();
        await page.goto("/docs");
      },
    ],
  ] as const satisfies readonly (readonly [string, (page: Page) => Promise<unknown>])[]) {
    test(`${where}, the way back shows nothing private`, async ({ playwright, launchOptions, server, mail, person, trouble }) => {
      // Further back are the steps of founding the organization.
      trouble.allow(401, "/get-started/recovery-kit");
      const browser = await playwright.chromium.launch({
        ...launchOptions,
        args: [...(launchOptions.args ?? []), ...args],
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
      });
      try {
        const context = await browser.newContext({ baseURL: server.origin });
        await trouble.watch(context);
        const page = await context.newPage();
        const passkey = await Authenticator.in(page);
        await createOrganization(page, mail, person, passkey);
        await page.evaluate(() => sessionStorage.setItem("left", "behind"));
        await open(page, "/account");
        await expect(page.getByRole("main")).toContainText("Passkeys");
        // As long as somebody is signed in, the way back leads to the page as it was left; a browser that has much to do may let go of it.
        await expect(async () => {
          await page.evaluate(() => Object.assign(globalThis, { left: "as it was" }));
          await page.goto("/docs");
          await back(page);
          await expectHeading(page, "Account");
          expect(await page.evaluate(() => (globalThis as { left?: string }).left)).toBe("as it was");
        }).toPass();

        await signOutThere(page);
        for (let steps = 0; steps < 3; steps += 1) {
          await back(page);
          await expect(page.locator("body")).not.toContainText(person.email);
          await expect(page.locator("body")).not.toContainText(person.organization);
        }
        await page.goto("/login");
        expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
      } finally {
        await browser.close();
      }
    });
  }
});

test("no code and no cookie is written to the terminal", async ({ page, context, server, mail, person }) => {
  await giveAccount(page, person);
  const letter = await mail.next(person.email);
  const code = /\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}/.exec(letter.text)?.[0] ?? "";
  expect(code).not.toBe("");
  await comeToPasskey(page, mail, { ...person, email: `x.${person.email}` });
  expect(server.output).not.toContain(code);
  expect(server.output).not.toContain(code.replace(/\D/g, ""));
  for (const cookie of await context.cookies()) expect(server.output).not.toContain(cookie.value);
});
