import { randomBytes } from "node:crypto";

/** Somebody who wants an organization. Addresses are never shared between tests, so tests can share a mail server. */
export interface Person {
  readonly email: string;
  readonly name: string;
  readonly organization: string;
}

export function newPerson(overrides: Partial<Person> = {}): Person {
  // Without sevens: what tests look for, such as the external id 4711, can't stand in a name or an address by chance.
  const mark = randomBytes(4).toString("hex").replaceAll("7", "g");
  return {
    email: `ada.${mark}@example.org`,
    name: "Ada Lovelace",
    organization: `Analytical Engines ${mark}`,
    ...overrides,
  };
}
