// A rule's Kerberos as a credential: the key table is read as far as its names, so that a name that it lacks is a problem with
// a place and a hint before anything is negotiated. Keys stay in their file, which the system's library reads by itself.
import { nearest } from '../../base/result.ts'
import type { KerberosCredential } from '../../keying/credentials.ts'
import { isMachine, realmOf } from '../../keying/principal.ts'
import type { Authentication } from '../../policy/model.ts'
import type { CredentialFiles } from '../credential-files.ts'
import { type Complaints, present } from '../credential-parts.ts'
import { SYSTEM_KEYTAB } from './kerberos-contexts.ts'
import { principalsOf, readKeytab } from './keytab.ts'

type KerberosAuthentication = Extract<Authentication, { readonly kind: 'kerberos' }>

const MAKE_ONE = 'join the domain, or export one: ktadd (MIT), samba-tool domain exportkeytab, ktpass (Windows)'

export function loadKerberos(
  authentication: KerberosAuthentication,
  files: CredentialFiles,
  complaints: Complaints,
): KerberosCredential | undefined {
  const { keytab: name = SYSTEM_KEYTAB, kdc, service, realm, peer } = authentication
  const field = 'kerberos.keytab'
  const bytes = files.read(name)
  if (!bytes.ok) return complaints.error(field, { ...bytes.error, hint: MAKE_ONE }, name)
  const table = readKeytab(bytes.value)
  if (!table.ok) return complaints.error(field, { what: `no key table: ${table.error.what}`, hint: MAKE_ONE }, name)
  const principal = ownPrincipal(authentication, principalsOf(table.value), complaints, name)
  if (principal === undefined) return undefined
  if (files.isOpenToAll(name)) {
    const hint = 'chmod 600, and have the key centre make other keys if others use this machine'
    complaints.warning(field, { what: 'everybody on this machine may read these keys', hint }, name)
  }
  const ownRealm = realm ?? realmOf(principal)
  const principals = peer?.map(one =>
    realmOf(one) === undefined && ownRealm !== undefined ? `${one}@${ownRealm}` : one,
  )
  const more = present({ service, realm: ownRealm, principals, centres: kdc.length === 0 ? undefined : kdc })
  return { kind: 'kerberos', keytab: files.path(name), principal, ...more }
}

/** The one of the policy; else a machine of Active Directory, which no other name gets tickets for; else a host, or the first. */
function ownPrincipal(
  { principal: wanted, realm, service }: KerberosAuthentication,
  all: readonly string[],
  complaints: Complaints,
  file: string,
): string | undefined {
  const has = all.filter(one => realm === undefined || realmOf(one) === realm)
  const listed = has.length === 0 ? 'none' : has.slice(0, 8).join(', ')
  if (wanted !== undefined) {
    const found = has.find(one => one === wanted || (realmOf(wanted) === undefined && one.startsWith(`${wanted}@`)))
    if (found !== undefined) return found
    const near = nearest(wanted, has)
    const hint = near === undefined ? `it has: ${listed}` : `did you mean ${near}? It has: ${listed}`
    return complaints.error('kerberos.principal', { what: `${file} has no key of ${wanted}`, hint })
  }
  const account = has.find(one => isMachine(one, service) && !one.includes('/'))
  const chosen = account ?? has.find(one => isMachine(one, service)) ?? has[0]
  if (chosen !== undefined) return chosen
  const what = realm === undefined ? `no key stands in ${file}` : `${file} has no key of realm ${realm}`
  return complaints.error('kerberos.keytab', { what, hint: MAKE_ONE })
}
