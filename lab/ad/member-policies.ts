// The policies of a domain whose members' traffic with their controllers is sealed as well, and the keytabs for where
// Kerberos proves who is who.

import type { HostAgent } from './agent.ts'
import { type Controller, fullName } from './forest.ts'
import { inside } from './namespace.ts'
import { must } from './run.ts'

/** Of the member and its controllers; the controllers have certificates among themselves, but for `kerberos everywhere`. */
export type MemberAuthentication = 'kerberos' | 'certificates' | 'kerberos everywhere'

export interface MemberPolicyChoice {
  readonly exempt: 0 | 1
  readonly authentication: MemberAuthentication
  readonly member: Controller
  /** The member and all controllers. */
  readonly hosts: readonly Controller[]
  /** Whole rules in front, in YAML. */
  readonly rules?: string
}

interface Self {
  readonly controller: Controller
}

const keytab = '/etc/sealwire/machine.keytab'

/** As this host's administrator would have written it. */
export function memberPolicy(agent: Pick<HostAgent, 'forest'> & Self, choice: MemberPolicyChoice): string {
  const { authentication, member, hosts } = choice
  const self = agent.controller
  const controllers = hosts.filter(({ name }) => name !== member.name)
  const isMember = self.name === member.name
  const ofMembers = isMember ? controllers : [member]
  const ofControllers = isMember ? [] : controllers.filter(({ name }) => name !== self.name)
  const byKerberos = authentication !== 'certificates'
  return [
    'name: A domain, its members sealed from its controllers too',
    'profile: windows-2000-sp1',
    `noDefaultExempt: ${choice.exempt}`,
    'networks: [10.54.0.0/24]',
    'rules:',
    ...(choice.rules === undefined ? [] : [choice.rules]),
    ...rule(agent, 'Members and their controllers', ofMembers, byKerberos),
    ...rule(agent, 'Between the controllers', ofControllers, authentication === 'kerberos everywhere'),
    '',
  ].join('\n')

  function rule(
    { forest }: Pick<HostAgent, 'forest'>,
    name: string,
    peers: readonly Controller[],
    isByKerberos: boolean,
  ): readonly string[] {
    if (peers.length === 0) return []
    const own = fullName(forest, self)
    // A controller asks itself; a member asks the first controller.
    const centre = isMember ? controllers[0] : self
    return [
      `  - name: ${name}`,
      '    filters:',
      ...peers.map(({ address }) => `      - { source: ${self.address}, destination: ${address} }`),
      '    action: negotiate',
      '    security: [esp-aes256gcm16]',
      isByKerberos
        ? `    authentication: [{ kerberos: { kdc: [${centre?.address}], keytab: ${keytab} } }]`
        : `    authentication: [{ certificate: { ca: ca.pem, own: ${own}.pem, key: ${own}.key } }]`,
    ]
  }
}

/** The way out that KB 254949's readers took: tickets cross in clear, to this one key centre. */
export function permitRule(member: Controller, centre: Controller): string {
  const filter = (protocol: string) =>
    `      - { source: ${member.address}, destination: ${centre.address}, protocol: ${protocol}, destinationPort: 88 }`
  return ['  - name: Tickets', '    filters:', filter('udp'), filter('tcp'), '    action: permit'].join('\n')
}

/** Of each one's machine account: the member's as joining left it, a controller's from its own directory. */
export async function giveKeytabs(agents: readonly HostAgent[], member: Controller): Promise<void> {
  for (const { name, controller } of agents) {
    const command =
      name === member.name
        ? ['cp', '/etc/krb5.keytab', keytab]
        : ['samba-tool', 'domain', 'exportkeytab', keytab, `--principal=${name.toUpperCase()}$`]
    await must(inside(controller.host, command, 30))
  }
}
