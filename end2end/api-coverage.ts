import { expect, test } from "@playwright/test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { methods, remembered } from "./support/sdk.ts";

// Runs after the suite, and looks back at it.

/** What the client offers and Countersign doesn't. */
const NOT_OFFERED = [
  "createSocialRegistrationChallenge",
  "getApplication",
  "listApplications",
  "sendLoginCode",
  "socialLogin",
  "ssoLogin",
  "ssoLoginInit",
];

test("every call of the client was made, and answered as its types declare", () => {
  const { calls, files } = remembered();
  const left = readdirSync(join(import.meta.dirname, "tests/api")).filter((file) => !files.has(file));
  test.skip(left.length > 0, `nothing passed in ${left.join(", ")}`);
  expect(methods().filter((method) => !calls.has(method)).toSorted()).toEqual(NOT_OFFERED);
});
