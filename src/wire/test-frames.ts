// Packets for the tests of this folder, as small as they can be.

/** Octets from hexadecimal digits; white space is for the reader. */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'))
}

/** UDP from 10.1.2.3 port 1111 to 10.4.5.6 port 2222 with four octets. */
export const ipv4 = '45000020 00010000 4011607f 0a010203 0a040506 0457 08ae 000c 0000 01020304'

/** UDP from 2001:db8::1 port 1111 to 2001:db8::2 port 2222 with four octets. */
export const ipv6 =
  '60000000 000c1140 20010db8000000000000000000000001 20010db8000000000000000000000002 0457 08ae 000c 2a1f 01020304'

export const flow4 = '10.1.2.3:1111 → 10.4.5.6:2222'
export const flow6 = '[2001:db8::1]:1111 → [2001:db8::2]:2222'
