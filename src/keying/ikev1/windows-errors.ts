// What a Windows says when it gives a negotiation up: an error number of its own in a private notification ([MS-IKEE] §2.2.6),
// and what it means, of those that say something.

import { GUARANTEED_ENCRYPTION, NEGOTIATION_DISCOVERY_BOUNDARY } from '../../wire/ike/v1-notify.ts'

const words: ReadonlyMap<number, string> = new Map([
  [13801, 'our credentials are not acceptable to it'],
  [13804, 'a general error in processing'],
  [13805, 'its negotiation timed out'],
  [13806, 'it found no valid machine certificate'],
  [13807, 'its SA was deleted before it was established'],
  [13813, 'it got no answer'],
  [13816, 'an error in processing'],
  [13817, 'the revocation check failed'],
  [13818, 'the usage of the certificate’s key does not fit'],
  [13819, 'the type of the certificate does not fit'],
  [13822, 'Diffie-Hellman failed'],
  [13825, 'it has no policy for us'],
  [13826, 'the signature is not right'],
  [13827, 'Kerberos failed'],
  [13868, 'the policies do not match'],
])

/** The number stands first; behind it may be the message ID of a quick mode. */
export function windowsError(data: Uint8Array): string {
  if (data.length < 4) return 'an error without a number'
  const number = new DataView(data.buffer, data.byteOffset, data.length).getUint32(0)
  const meaning = words.get(number)
  return meaning === undefined ? `Windows error ${number}` : `Windows error ${number}: ${meaning}`
}

/** What a quick mode is for, by its flags ([MS-IKEE] §2.2.8). */
export function windowsExchange(flags: number): string {
  const told = [
    (flags & NEGOTIATION_DISCOVERY_BOUNDARY) !== 0 ? ['it stands at a boundary and speaks in clear as well'] : [],
    (flags & GUARANTEED_ENCRYPTION) !== 0 ? ['encryption has to be guaranteed'] : [],
  ].flat()
  return told.length === 0 ? `flags ${flags}, which are not known here` : told.join('; ')
}
