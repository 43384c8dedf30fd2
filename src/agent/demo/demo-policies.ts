// The policies of the demo, as files a person could have written: the two domain controllers of the examples, once for
// each value of the setting, each with keys of its own, made from the seed.
import type { Random } from '../../base/random.ts'

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

export const demoHosts = [
  { name: 'dc1', address: '10.54.0.1' },
  { name: 'dc2', address: '10.54.0.2' },
] as const

export const demoNetwork = '10.54.0.0/24'
const METHOD = 'esp-aes256gcm16'
const KEY_BYTES = 36

/** The text of a policy file. Each call takes fresh keys, so that no two runs share one. */
export function demoPolicyText(setting: DemoSetting, random: Random): string {
  const [dc1, dc2] = demoHosts
  const number = demoSettings.indexOf(setting)
  const value = setting.noDefaultExempt === undefined ? [] : [`noDefaultExempt: ${setting.noDefaultExempt}`]
  const key = (source: string, destination: string, direction: number) => {
    const material = new Uint8Array(KEY_BYTES)
    random.fill(material)
    const spi = `0x54${number}${direction}0001`
    return [
      `  - { source: ${source}, destination: ${destination}, spi: "${spi}", security: ${METHOD},`,
      `      key: "${Buffer.from(material).toString('hex')}" }`,
    ]
  }
  return [
    '# Written by `sealwire demo`: examples/policies/domain-controllers.yaml with keys of its own instead of IKE.',
    `name: Domain controllers, NoDefaultExempt ${setting.title}`,
    `profile: ${setting.profile}`,
    ...value,
    'role: domain-controller',
    `networks: [${demoNetwork}]`,
    'rules:',
    '  - name: Everything between the two',
    `    filters: [{ source: ${dc1.address}, destination: ${dc2.address}, mirrored: true }]`,
    '    action: negotiate',
    '    mode: transport',
    `    security: [${METHOD}]`,
    '    authentication: [kerberos]',
    '# Anybody who has this file can read the traffic. A counter mode is not for keys in a file; this is a test.',
    'test: true',
    'keys:',
    ...key(dc1.address, dc2.address, 1),
    ...key(dc2.address, dc1.address, 2),
    '',
  ].join('\n')
}
