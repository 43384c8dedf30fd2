// The texts of the files a domain controller needs before Samba's own tools can run: who it is, where names are
// resolved, how Kerberos finds its servers. Pure: domain-controller.ts writes them. smb.conf is written by Samba itself.

import { accounts, baseName, type Controller, type Forest, fullName, groupsOfBigTicket, inBrackets } from './forest.ts'

/** Own name and address, never 127.x: Samba takes its address from here and would offer loopback to its partners. */
export function hostsFile(forest: Forest): string {
  const lines = forest.controllers.map(each => `${each.address} ${fullName(forest, each)} ${each.name}`)
  return ['127.0.0.1 localhost', ...lines, ''].join('\n')
}

export function resolverFile(forest: Forest, servers: readonly Controller[]): string {
  const lines = servers.map(each => `nameserver ${each.address}`)
  return [`search ${forest.domain}`, ...lines, 'options timeout:2 attempts:2', ''].join('\n')
}

export type KerberosTransport = 'udp' | 'tcp'

/** Without `kdc` the servers are found by DNS, which picks any controller; a step that must cross the wire names one. */
export interface KerberosChoice {
  readonly kdc?: Controller
  readonly transport: KerberosTransport
}

export function kerberosFile(forest: Forest, { kdc, transport }: KerberosChoice): string {
  const limit = transport === 'udp' ? 32_700 : 1
  const servers =
    kdc === undefined
      ? ''
      : ['kdc', 'admin_server', 'kpasswd_server'].map(name => `${name} = ${inBrackets(kdc)}`).join('\n    ')
  return `[libdefaults]
  default_realm = ${forest.realm}
  dns_lookup_realm = false
  dns_lookup_kdc = ${kdc === undefined}
  # The lab has no reverse zone: a name is used as it was given.
  rdns = false
  dns_canonicalize_hostname = false
  udp_preference_limit = ${limit}
[realms]
  ${forest.realm} = {
    ${servers}
  }
[domain_realm]
  .${forest.domain} = ${forest.realm}
[kdc]
  # Read by Samba's KDC. Its limit of 1400 bytes would send every client with a large ticket to TCP.
  max-kdc-datagram-reply-length = 30000
`
}

/** Where kerberosFile for this choice lies inside a controller. */
export function kerberosPath({ kdc, transport }: KerberosChoice): string {
  return kdc === undefined && transport === 'udp'
    ? '/etc/krb5.conf'
    : `/etc/krb5-${kdc?.name ?? 'any'}-${transport}.conf`
}

/** Every file of /etc that a controller gets, by path. */
export function filesOf(forest: Forest, self: Controller): ReadonlyMap<string, string> {
  const choices: KerberosChoice[] = [{ transport: 'udp' }]
  for (const kdc of forest.controllers) {
    choices.push({ kdc, transport: 'udp' }, { kdc, transport: 'tcp' })
  }
  const first = forest.controllers[0]
  return new Map([
    ['/etc/hostname', `${self.name}\n`],
    ['/etc/hosts', hostsFile(forest)],
    // Until it is in the domain itself, a controller can only ask the first one.
    ['/etc/resolv.conf', resolverFile(forest, [first])],
    ['/etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n'],
    ...choices.map(choice => [kerberosPath(choice), kerberosFile(forest, choice)] as const),
  ])
}

/** LDIF for the 200 groups: one by one with samba-tool they would take minutes. */
export function groupsFile(forest: Forest): string {
  const member = `CN=${accounts.bigTicket.name},CN=Users,${baseName(forest)}`
  const group = (_: unknown, index: number): string => {
    const name = `lab-group-${String(index + 1).padStart(3, '0')}`
    return `dn: CN=${name},CN=Users,${baseName(forest)}
changetype: add
objectClass: group
sAMAccountName: ${name}
member: ${member}
`
  }
  return Array.from({ length: groupsOfBigTicket }, group).join('\n')
}
