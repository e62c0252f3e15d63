import type { CredentialSigner, FirstFactorAssertion, RecoveryKeyAssertion } from "@dfns/sdk";
import { AsymmetricKeySigner } from "@dfns/sdk-keysigner";
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyPairKeyObjectResult } from "node:crypto";
import type { Passkey } from "./passkey.ts";
import { encode } from "./tamper.ts";

/** What programs sign with, by nothing but `node:crypto`. */

export const ALGORITHMS = ["P-256", "Ed25519", "RSA-2048"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** A key pair of a program, or of somebody without a browser. */
export interface Key {
  readonly credId: string;
  /** PEM, as the private one. */
  readonly publicKey: string;
  readonly privateKey: string;
  /** Ed25519 has its digest built in. */
  readonly digest: "sha256" | undefined;
}

export function newKey(algorithm: Algorithm = "P-256"): Key {
  const { publicKey, privateKey } = newPair(algorithm);
  return {
    credId: randomBytes(24).toString("base64url"),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    digest: algorithm === "Ed25519" ? undefined : "sha256",
  };
}

function newPair(algorithm: Algorithm): KeyPairKeyObjectResult {
  switch (algorithm) {
    case "P-256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "Ed25519":
      return generateKeyPairSync("ed25519");
    case "RSA-2048":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
  }
}

/** The client's own signer for key pairs. */
export function keySigner({ credId, privateKey, digest }: Key): CredentialSigner {
  return new AsymmetricKeySigner({ credId, privateKey, ...(digest === undefined ? {} : { algorithm: digest }) });
}

export interface CredentialInfo {
  readonly credId: string;
  readonly clientData: string;
  readonly attestationData: string;
}

/** Proves that whoever registers a key holds it. */
export function credentialInfo({ credId, publicKey, privateKey, digest }: Key, challenge: string): CredentialInfo {
  const clientData = JSON.stringify({ type: "key.create", challenge });
  const clientDataHash = createHash("sha256").update(clientData).digest("hex");
  const signature = sign(digest, Buffer.from(JSON.stringify({ clientDataHash, publicKey })), privateKey).toString("hex");
  const attestation = { publicKey, signature, ...(digest === undefined ? {} : { algorithm: digest }) };
  return { credId, clientData: encode(clientData), attestationData: encode(JSON.stringify(attestation)) };
}

/** What a client may keep with a recovery key, which means nothing to the server. */
export const ENCRYPTED_PRIVATE_KEY = "only the client can read this";

export interface NewCredentials {
  readonly firstFactorCredential: { readonly credentialKind: "Key"; readonly credentialInfo: CredentialInfo; readonly credentialName: string };
  readonly recoveryCredential: { readonly credentialKind: "RecoveryKey"; readonly credentialInfo: CredentialInfo; readonly encryptedPrivateKey: string };
}

/** The two credentials of somebody new, or of somebody who comes back. */
export function newCredentials(key: Key, recovery: Key, challenge: string): NewCredentials {
  return {
    firstFactorCredential: { credentialKind: "Key", credentialInfo: credentialInfo(key, challenge), credentialName: "Key" },
    recoveryCredential: { credentialKind: "RecoveryKey", credentialInfo: credentialInfo(recovery, challenge), encryptedPrivateKey: ENCRYPTED_PRIVATE_KEY },
  };
}

/** The recovery key signs which credentials are to come. */
export function recoveryAssertion({ credId, privateKey, digest }: Key, credentials: NewCredentials): RecoveryKeyAssertion {
  const clientData = JSON.stringify({ type: "key.get", challenge: encode(JSON.stringify(credentials)) });
  return {
    kind: "RecoveryKey",
    credentialAssertion: { credId, clientData: encode(clientData), signature: encode(sign(digest, Buffer.from(clientData), privateKey)) },
  };
}

/** Signs with a passkey that was made in a browser, as that browser would, for tests that need no browser themselves. */
export function passkeySigner({ credentialId, privateKey, userHandle, signCount }: Passkey, origin: string): CredentialSigner {
  const key = { key: Buffer.from(privateKey, "base64"), format: "der", type: "pkcs8" } as const;
  const credId = encode(Buffer.from(credentialId, "base64"));
  let count = signCount;
  return {
    sign: async ({ challenge }): Promise<FirstFactorAssertion> => {
      const clientData = JSON.stringify({ type: "webauthn.get", challenge, origin, crossOrigin: false });
      const flagsAndCount = Buffer.alloc(5);
      // Present, verified, synced: as the browser's authenticator said when it made the passkey.
      flagsAndCount.writeUInt8(0x01 | 0x04 | 0x08 | 0x10);
      flagsAndCount.writeUInt32BE((count += 1), 1);
      const authenticatorData = Buffer.concat([createHash("sha256").update(new URL(origin).hostname).digest(), flagsAndCount]);
      const signed = Buffer.concat([authenticatorData, createHash("sha256").update(clientData).digest()]);
      return {
        kind: "Fido2",
        credentialAssertion: {
          credId,
          clientData: encode(clientData),
          authenticatorData: encode(authenticatorData),
          signature: encode(sign("sha256", signed, key)),
          ...(userHandle === undefined ? {} : { userHandle: encode(Buffer.from(userHandle, "base64")) }),
        },
      };
    },
  };
}
