// The policies of the demo, as files a person could have written: the two domain controllers of the examples, once for
// each value of the setting and each host. They differ between the hosts only in whose certificate they name.

export interface DemoSetting {
  /** What the run and its files are called. */
  readonly name: string
  readonly profile: 'windows-2000-sp1' | 'windows-server-2003'
  /** Absent as in a registry that does not have the value. */
  readonly noDefaultExempt?: 0 | 1 | 2 | 3
  readonly title: string
}

/** Windows 2000 knows 0 and 1; 2 and 3 came with Server 2003, which is why these runs are its. */
export const demoSettings: readonly DemoSetting[] = [
  { name: 'absent', profile: 'windows-2000-sp1', title: 'absent' },
  { name: 'no-default-exempt-0', profile: 'windows-2000-sp1', noDefaultExempt: 0, title: '0' },
  { name: 'no-default-exempt-1', profile: 'windows-2000-sp1', noDefaultExempt: 1, title: '1' },
  { name: 'no-default-exempt-2', profile: 'windows-server-2003', noDefaultExempt: 2, title: '2' },
  { name: 'no-default-exempt-3', profile: 'windows-server-2003', noDefaultExempt: 3, title: '3' },
]

export interface DemoHost {
  readonly name: string
  readonly fullName: string
  readonly address: string
}

export const demoHosts: readonly [DemoHost, DemoHost] = [
  { name: 'dc1', fullName: 'dc1.corp.test', address: '10.54.0.1' },
  { name: 'dc2', fullName: 'dc2.corp.test', address: '10.54.0.2' },
]

export const demoNetwork = '10.54.0.0/24'
export const DEMO_RULE = 'Everything between the two'

/** The first host's policy is the one that the commands are shown with. */
export function policyFileName(setting: DemoSetting, host: DemoHost): string {
  return host === demoHosts[0] ? `${setting.name}.yaml` : `${setting.name}.${host.name}.yaml`
}

/** The text of a policy file. No ML-KEM: what encapsulation draws comes from the system and not from a seed. */
export function demoPolicyText(setting: DemoSetting, { name }: DemoHost): string {
  const [dc1, dc2] = demoHosts
  const value = setting.noDefaultExempt === undefined ? [] : [`noDefaultExempt: ${setting.noDefaultExempt}`]
  return [
    `# Written by \`sealwire demo\` for ${name}: examples/policies/domain-controllers.yaml with throw-away certificates.`,
    `name: Domain controllers, NoDefaultExempt ${setting.title}`,
    `profile: ${setting.profile}`,
    ...value,
    'role: domain-controller',
    `networks: [${demoNetwork}]`,
    'ike:',
    '  security: [aes256gcm16-prfsha384-curve25519]',
    '  # So short that the demo sees keys renewed; without these lines they last eight hours, and an hour below.',
    '  lifetime: { seconds: 15 }',
    'rules:',
    `  - name: ${DEMO_RULE}`,
    `    filters: [{ source: ${dc1.address}, destination: ${dc2.address}, mirrored: true }]`,
    '    action: negotiate',
    '    mode: transport',
    '    security: [esp-aes256gcm16]',
    '    keying: [ikev2]',
    `    authentication: [{ certificate: { ca: ca.pem, own: ${name}.pem, key: ${name}.key } }]`,
    '    lifetime: { seconds: 11 }',
    '',
  ].join('\n')
}
