// Octets that say where they stand: each four are the number of the four, from 0 on. One that is lost, twice there, out of
// order or changed shows at once. The numbers begin again after 16 GiB.

/** `length` octets from position `start` on. */
export function numbered(start: number, length: number): Uint8Array {
  const octets = new Uint8Array(length)
  for (let index = 0; index < length; index++) octets[index] = octetAt(start + index)
  return octets
}

export function isNumbered(octets: Uint8Array, start: number): boolean {
  return octets.every((octet, index) => octet === octetAt(start + index))
}

function octetAt(position: number): number {
  const number = Math.floor(position / 4) % 2 ** 32
  return (number >>> (8 * (3 - (position % 4)))) & 0xff
}
