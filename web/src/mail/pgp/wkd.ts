// The directory of keys of this server (WKD): where it has the key of an address.
const ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769";

export function zBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const one of bytes) {
    value = (value << 8) | one;
    bits += 8;
    while (bits >= 5) {
      text += ALPHABET[(value >> (bits - 5)) & 31];
      bits -= 5;
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

export async function place(address: string): Promise<string> {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(local.toLowerCase()));
  const domain = address.slice(at + 1).toLowerCase();
  return `/.well-known/openpgpkey/${encodeURIComponent(domain)}/hu/${zBase32(new Uint8Array(digest))}?l=${encodeURIComponent(local)}`;
}
