import type { CDPSession, Page } from "@playwright/test";
import { generateKeyPairSync, randomBytes } from "node:crypto";

/** A passkey as it can be carried from one virtual authenticator to another. */
export interface Passkey {
  readonly credentialId: string;
  readonly isResidentCredential: boolean;
  readonly rpId?: string;
  readonly privateKey: string;
  readonly userHandle?: string;
  readonly signCount: number;
}

/**
 * The authenticator of one person's device, in one tab: it verifies the person (as Face ID or Windows Hello would) and keeps
 * discoverable passkeys. It only answers while the person is at it: see {@link approve}. Otherwise the request of the
 * sign-in page's autofill would sign in on its own.
 */
export class Authenticator {
  readonly #cdp: CDPSession;
  readonly #id: string;

  private constructor(cdp: CDPSession, id: string) {
    this.#cdp = cdp;
    this.#id = id;
  }

  /** Puts an authenticator into a tab. To be done before the first WebAuthn call: without one, that never settles. */
  static async in(page: Page): Promise<Authenticator> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable", { enableUI: false });
    return Authenticator.#of(cdp, "internal");
  }

  /** A security key beside it, in the same tab. */
  async securityKey(): Promise<Authenticator> {
    return Authenticator.#of(this.#cdp, "usb");
  }

  static async #of(cdp: CDPSession, transport: "internal" | "usb"): Promise<Authenticator> {
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        ctap2Version: "ctap2_1",
        transport,
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: false,
        // As most passkeys are: synced, so that its copies on several devices each count on their own. A key isn't.
        defaultBackupEligibility: transport === "internal",
        defaultBackupState: transport === "internal",
      },
    });
    return new Authenticator(cdp, authenticatorId);
  }

  /** The person looks at the camera, or touches the sensor, for the request that `act` leads to. */
  async approve(act: () => Promise<unknown>): Promise<void> {
    const used = this.#used();
    await this.present(true);
    await act();
    try {
      await used;
    } finally {
      await this.present(false);
    }
  }

  /** The person is there but turns the request down, or isn't recognised: the browser says `NotAllowedError`. */
  async refuse(act: () => Promise<unknown>): Promise<void> {
    await this.#verified(false);
    await this.present(true);
    try {
      await act();
    } finally {
      await this.present(false);
      await this.#verified(true);
    }
  }

  /** Whether somebody is at the device, from now on and for every request. */
  async present(enabled: boolean): Promise<void> {
    await this.#cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId: this.#id, enabled });
  }

  /** Makes the answers that follow wrong in one respect, though otherwise well signed. */
  async tamper(bits: { isBogusSignature?: boolean; isBadUV?: boolean; isBadUP?: boolean }): Promise<void> {
    await this.#cdp.send("WebAuthn.setResponseOverrideBits", { authenticatorId: this.#id, ...bits });
  }

  async passkeys(): Promise<readonly Passkey[]> {
    const { credentials } = await this.#cdp.send("WebAuthn.getCredentials", { authenticatorId: this.#id });
    return credentials;
  }

  /** Puts a passkey in, as a password manager that synchronises would. */
  async add(passkey: Passkey): Promise<void> {
    await this.#cdp.send("WebAuthn.addCredential", { authenticatorId: this.#id, credential: passkey });
  }

  async #verified(isUserVerified: boolean): Promise<void> {
    await this.#cdp.send("WebAuthn.setUserVerified", { authenticatorId: this.#id, isUserVerified });
  }

  /** Settles at the next passkey that is made or used. */
  #used(): Promise<void> {
    return new Promise((done, failed) => {
      const limit = setTimeout(() => failed(new Error("no passkey was made or used within 15 seconds")), 15_000);
      const finish = (): void => {
        clearTimeout(limit);
        this.#cdp.off("WebAuthn.credentialAdded", finish);
        this.#cdp.off("WebAuthn.credentialAsserted", finish);
        done();
      };
      this.#cdp.on("WebAuthn.credentialAdded", finish);
      this.#cdp.on("WebAuthn.credentialAsserted", finish);
    });
  }
}

/** A passkey for this site that nobody registered here: as one is, after the server lost or deleted its account. */
export function strayPasskey(): Passkey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    credentialId: randomBytes(32).toString("base64"),
    isResidentCredential: true,
    rpId: "localhost",
    privateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    userHandle: randomBytes(16).toString("base64"),
    signCount: 1,
  };
}

/** For `addInitScript`: a browser that knows nothing of passkeys. */
export function withoutWebAuthn(): void {
  Reflect.deleteProperty(globalThis, "PublicKeyCredential");
}

/** For `addInitScript`: a browser that answers every request for a new passkey with this error, or with the one of {@link failWith}. */
export function failingCreate(name: string): void {
  Object.assign(globalThis, { failWith: name });
  CredentialsContainer.prototype.create = () =>
    Promise.reject(new DOMException("by the test", (globalThis as { failWith?: string }).failWith));
}

/** For `evaluate`: from now on {@link failingCreate} fails with this error. */
export function failWith(name: string): void {
  Object.assign(globalThis, { failWith: name });
}

/** For `addInitScript`: a browser that answers every request to sign in (but not the autofill's) with this error. */
export function failingGet(name: string): void {
  const real = Object.getOwnPropertyDescriptor(CredentialsContainer.prototype, "get")?.value as CredentialsContainer["get"];
  CredentialsContainer.prototype.get = function (this: CredentialsContainer, options?: CredentialRequestOptions) {
    if (options?.mediation === "conditional") return real.call(this, options);
    return Promise.reject(new DOMException("by the test", name));
  };
}
