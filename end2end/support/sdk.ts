import { BaseAuthApi, DfnsApiClient, type CredentialSigner, type DfnsApiClientOptions } from "@dfns/sdk";
import { Ajv, type SchemaObject, type ValidateFunction } from "ajv";
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { createGenerator } from "ts-json-schema-generator";
import { rememberAnswer } from "./secrets.ts";

/** The client that others publish, as it is; here it is only watched: each answer must be what its own types declare. */

const require = createRequire(import.meta.url);
const sdk = dirname(require.resolve("@dfns/sdk/package.json"));

/** The parts of the client that Countersign answers. */
const GROUPS = ["auth", "permissions"] as const;
type Group = (typeof GROUPS)[number];

export type Client = Pick<DfnsApiClient, Group>;

/** JSON Schemas of every type of a group. Deriving takes seconds, so the result is kept until the client's version changes. */
function schemasOf(group: Group): SchemaObject {
  const { version } = require("@dfns/sdk/package.json") as { version: string };
  const folder = resolve(sdk, "../../.cache/countersign");
  const kept = join(folder, `${group}-${version}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as SchemaObject;
  const schemas: object = createGenerator({
    path: join(sdk, "generated", group, "types.d.ts"),
    type: "*",
    skipTypeCheck: true,
    additionalProperties: true,
  }).createSchema();
  mkdirSync(folder, { recursive: true });
  // Renamed into place: another worker may be reading.
  writeFileSync(`${kept}.${process.pid}`, JSON.stringify(schemas));
  renameSync(`${kept}.${process.pid}`, kept);
  return schemas as SchemaObject;
}

const ajv = new Ajv({ allErrors: true, strict: false });
for (const group of GROUPS) ajv.addSchema(schemasOf(group), group);

/** What the type named after a method says of its answer; old names of methods have none. */
function declaredAnswer(group: Group, method: string): ValidateFunction | undefined {
  return ajv.getSchema(`${group}#/definitions/${method.charAt(0).toUpperCase()}${method.slice(1)}Response`);
}

/** Every method whose answer is declared. */
export function methods(): string[] {
  const client = new DfnsApiClient({});
  return GROUPS.flatMap((group) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(client[group])).filter((method) => declaredAnswer(group, method) !== undefined),
  );
}

/** Fails if an answer isn't what the client declares; otherwise remembers that the call was made. */
export function expectDeclared(group: Group, method: string, answer: unknown): void {
  const fits = declaredAnswer(group, method);
  if (fits === undefined) throw new Error(`the client declares no answer named after ${group}.${method}`);
  // JSON has no way to say `undefined`: a method that answers nothing is declared as null.
  if (!fits(answer ?? null)) {
    const complaints = ajv.errorsText(fits.errors, { dataVar: "answer", separator: "\n  " });
    throw new Error(`${group}.${method} answered what the client's types don't allow:\n  ${complaints}\n${JSON.stringify(answer, null, 2)}`);
  }
  rememberAnswer(answer);
  remember(`call ${method}`);
}

/** The client, with every answer checked. */
export function validatedClient(options: DfnsApiClientOptions): Client {
  const client = new DfnsApiClient(options.signer === undefined ? options : { ...options, signer: watchedSigner(options.signer) });
  return { auth: watched(client.auth, (method) => ["auth", method]), permissions: watched(client.permissions, (method) => ["permissions", method]) };
}

/** The client's older, static calls, which go to the same places. */
export const base = watched(BaseAuthApi, (method) => ["auth", BASE_CALLS[method] ?? method]);

const BASE_CALLS: Record<string, string> = {
  createUserActionChallenge: "createUserActionChallenge",
  signUserActionChallenge: "createUserActionSignature",
  createUserLoginChallenge: "createLoginChallenge",
  createUserLogin: "login",
  userLogout: "logout",
  createUserRegistrationChallenge: "createRegistrationChallenge",
  createUserRegistration: "register",
};

function watched<T extends object>(client: T, declaredBy: (method: string) => [Group, string]): T {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name !== "string") return member;
      return async (...parameters: unknown[]) => {
        const answer: unknown = await Reflect.apply(member, target, parameters);
        expectDeclared(...declaredBy(name), answer);
        return answer;
      };
    },
  });
}

/** The client asks for a challenge by itself and shows it to nobody but the signer. */
function watchedSigner(signer: CredentialSigner): CredentialSigner {
  return {
    sign: (challenge) => {
      expectDeclared("auth", "createUserActionChallenge", challenge);
      return signer.sign(challenge);
    },
  };
}

// The tests run in several processes, and Playwright empties the folder when a run begins.
const memory = resolve(import.meta.dirname, "../test-results/api-calls.txt");

function remember(line: string): void {
  mkdirSync(dirname(memory), { recursive: true });
  appendFileSync(memory, `${line}\n`);
}

/** Remembers that a test of this file has passed. */
export function rememberFile(name: string): void {
  remember(`file ${name}`);
}

/** What was called, and by which files' tests, since the run began. */
export function remembered(): { calls: Set<string>; files: Set<string> } {
  const lines = existsSync(memory) ? readFileSync(memory, "utf8").split("\n") : [];
  const after = (word: string): Set<string> => new Set(lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length)));
  return { calls: after("call "), files: after("file ") };
}
