// What one value under `kerberos` means by its form: principals, their parts and realms. Nothing that was written is repeated
// in a message, as with all of `authentication`.
import { failure, success } from '../base/result.ts'
import type { Cell } from './policy-cells.ts'

const LONGEST = 400
const EXAMPLES = 'host/dc1.corp.test@CORP.TEST, or DC1$@CORP.TEST in Active Directory'

/** `name`, `name/instance`, either with `@REALM`. */
export function readPrincipal(text: string): Cell<string> {
  const isWhole = /^[^\s@/\p{Cc}]+(\/[^\s@/\p{Cc}]+)*(@[A-Za-z0-9._-]+)?$/u.test(text) && text.length <= LONGEST
  return isWhole ? success(text) : failure({ what: 'this is no principal', hint: `write ${EXAMPLES}` })
}

export function readService(text: string): Cell<string> {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return success(text)
  return failure({ what: 'this is no first part of a principal', hint: 'host, unless your accounts have another' })
}

/** What of it stands in a configuration file of the system's library, so no more than realms are made of. */
export function readRealm(text: string): Cell<string> {
  if (/^[A-Za-z0-9._-]{1,253}$/.test(text)) return success(text)
  return failure({ what: 'this is no realm', hint: 'a name like a domain, in capitals: CORP.TEST' })
}
