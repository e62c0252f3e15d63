import { createHash } from "node:crypto";

/** What is computed from an action document, once more and by nothing but its description. */

/** SHA-256 of the document's bytes in their frame. */
export function challengeOf(document: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(document));
  return createHash("sha256").update("countersign/action/v1\0").update(length).update(document).digest();
}

/** The first 40 bits, in Crockford's base32. */
export function fingerprintOf(challenge: Buffer): string {
  let bits = BigInt(`0x${challenge.subarray(0, 5).toString("hex")}`);
  let symbols = "";
  for (let place = 0; place < 8; place += 1, bits >>= 5n) symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".charAt(Number(bits & 31n)) + symbols;
  return `${symbols.slice(0, 4)}-${symbols.slice(4)}`;
}
