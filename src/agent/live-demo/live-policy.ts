// The policy of a live host: everything between the two, at one value of the setting. Its file is replaced while the agent
// runs, as an editor does it, so that the agent never reads half of one.
import { renameSync, writeFileSync } from 'node:fs'
import { DEMO_RULE, demoHosts, demoNetwork } from '../demo/demo-policies.ts'
import type { StageHost } from './stage.ts'

/** Undefined: absent as in a registry that does not have the value. */
export type LiveValue = 1 | undefined

export function livePolicyText(value: LiveValue, fullName: string): string {
  const [dc1, dc2] = demoHosts
  return [
    `# Written by \`sealwire demo --live\` for ${fullName}.`,
    `name: Domain controllers, NoDefaultExempt ${value ?? 'absent'}`,
    'profile: windows-2000-sp1',
    ...(value === undefined ? [] : [`noDefaultExempt: ${value}`]),
    'role: domain-controller',
    `networks: [${demoNetwork}]`,
    'rules:',
    `  - name: ${DEMO_RULE}`,
    `    filters: [{ source: ${dc1.address}, destination: ${dc2.address}, mirrored: true }]`,
    '    action: negotiate',
    '    mode: transport',
    '    security: [esp-aes256gcm16]',
    '    keying: [ikev2]',
    `    authentication: [{ certificate: { ca: ca.pem, own: ${fullName}.pem, key: ${fullName}.key } }]`,
    '',
  ].join('\n')
}

export function writeLivePolicy({ policy, fullName }: StageHost, value: LiveValue): void {
  writeFileSync(`${policy}.new`, livePolicyText(value, fullName))
  renameSync(`${policy}.new`, policy)
}
