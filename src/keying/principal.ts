// Principals: the names that Kerberos has for machines and people, `host/dc1.corp.test@CORP.TEST` or `DC1$@CORP.TEST`, as text.
// A character that separates the parts stands behind a backslash where it belongs to one (RFC 1964 §2.1.1).

/** What stands behind the last `@` that is not part of a name. */
export function realmOf(principal: string): string | undefined {
  return /(?<!\\)@([^@]+)$/.exec(principal)?.[1]
}

/** A name without a realm is of any; Windows does not care for letter case. */
export function isSamePrincipal(wanted: string, has: string): boolean {
  const [a, b] = [wanted.toLowerCase(), has.toLowerCase()]
  return a === b || (realmOf(a) === undefined && b.startsWith(`${a}@`))
}

/**
 * Whether it is a machine's: `host/dc1.corp.test@R`, or `DC1$@R` in Active Directory. Every user of a realm gets tickets for
 * every host, so where the policy names nobody, only machines are taken for hosts.
 */
export function isMachine(principal: string, service = 'host'): boolean {
  const name = principal.replace(/(?<!\\)@[^@]*$/, '')
  return /^[^/]+\$$/.test(name) || name.toLowerCase().startsWith(`${service.toLowerCase()}/`)
}
