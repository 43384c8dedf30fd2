// What one value under `authentication` means by its form: identities of IKE and uses of keys. Nothing that was written is
// repeated in a message: it may be a secret in the wrong place. Whether a file is there is asked by who reads it.
import { parseAddress } from '../base/address.ts'
import { failure, nearest, success } from '../base/result.ts'
import type { Cell } from './policy-cells.ts'

export type IdentityForm = 'address' | 'name' | 'mail' | 'distinguished-name' | 'key-identifier'

const FORMS =
  'an address, a name (dc1.example.com), name@name, a distinguished name ("CN=dc1, O=Example") or "@#" and hexadecimal digits'
const LONGEST_NAME = 253

/** The kind of identity that a text is. */
export function readIdentityForm(text: string): Cell<IdentityForm> {
  const word = text.trim()
  if (word === '') return failure({ what: 'it is empty', hint: `write ${FORMS}` })
  if (/[\x00-\x1f\x7f]/.test(word)) return failure({ what: 'it holds control characters', hint: `write ${FORMS}` })
  if (parseAddress(word) !== undefined) return success('address')
  if (word.startsWith('@#')) {
    if (/^@#([0-9a-f]{2})+$/i.test(word)) return success('key-identifier')
    return failure({ what: 'this is no key identifier', hint: 'two hexadecimal digits for each octet: "@#0a0b"' })
  }
  if (word.includes('=')) {
    if (DISTINGUISHED_NAME.test(word)) return success('distinguished-name')
    const hint = 'write parts such as CN=dc1 with commas between them; a comma in a value has a \\ before it'
    return failure({ what: 'this is no distinguished name', hint })
  }
  // Others write a name with @ in front, to say that it is not to be looked up.
  if (word.startsWith('@') && isName(word.slice(1))) return success('name')
  if (word.includes('@')) {
    return /^[^\s@]{1,64}@[^\s@]{1,253}$/.test(word)
      ? success('mail')
      : failure({ what: 'this is no name@name', hint: 'as in admin@example.com' })
  }
  if (/^[\d.]+$/.test(word) || word.includes(':'))
    return failure({ what: 'this is no address', hint: `write ${FORMS}` })
  if (isName(word)) return success('name')
  return failure({ what: 'this is no identity', hint: `write ${FORMS}` })
}

function isName(word: string): boolean {
  if (word.length > LONGEST_NAME) return false
  return word
    .replace(/\.$/, '')
    .split('.')
    .every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
}

/** RFC 4514 §2: the type is a word or an OID; in a value a backslash takes the meaning from what follows it. */
const PART = String.raw`\s*(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)+)\s*=(?=\s*[^\s,;+])(?:[^\\,;+]|\\.)+`
const DISTINGUISHED_NAME = new RegExp(`^${PART}(?:[,;+]${PART})*$`, 'iu')

/** Uses that a certificate can be for, by their names (RFC 4945 §5.1.3.12, RFC 5280 §4.2.1.12, and what Windows asks). */
export const keyUsages: ReadonlyMap<string, string> = new Map([
  ['ipsecIKE', '1.3.6.1.5.5.7.3.17'],
  ['ikeIntermediate', '1.3.6.1.5.5.8.2.2'],
  ['serverAuth', '1.3.6.1.5.5.7.3.1'],
  ['clientAuth', '1.3.6.1.5.5.7.3.2'],
  ['ipsecEndSystem', '1.3.6.1.5.5.7.3.5'],
  ['ipsecTunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsecUser', '1.3.6.1.5.5.7.3.7'],
])

/** The OID of a use, by its name or as it is written. */
export function readKeyUsage(text: string): Cell<string> {
  const word = text.trim()
  const oid = keyUsages.get(word)
  if (oid !== undefined) return success(oid)
  if (/^[012](\.(0|[1-9]\d{0,9})){1,20}$/.test(word)) return success(word)
  const near = nearest(word, keyUsages.keys())
  const hint = near === undefined ? `an OID, or one of ${[...keyUsages.keys()].join(', ')}` : `did you mean ${near}?`
  return failure({ what: 'this is no use of a key', hint })
}
