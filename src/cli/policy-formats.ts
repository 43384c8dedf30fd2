// The forms in which a policy can be written, by their names: one row each.
import type { Exported, ExportOptions } from '../export/exported.ts'
import { exportLibreswan } from '../export/libreswan.ts'
import { exportSwanctl } from '../export/swanctl.ts'
import { exportXfrm } from '../export/xfrm.ts'
import type { Policy } from '../policy/model.ts'
import { writePolicyText } from '../policy/write-policy.ts'

export interface PolicyFormat {
  readonly name: string
  /** What it is, for the list of forms. */
  readonly title: string
  write(policy: Policy, options: ExportOptions): Exported
}

export const policyFormats: readonly PolicyFormat[] = [
  {
    name: 'yaml',
    title: 'a policy file of sealwire',
    write: (policy, options) => ({ text: writePolicyText(policy, options), losses: [] }),
  },
  { name: 'swanctl', title: 'swanctl.conf of strongSwan', write: exportSwanctl },
  { name: 'libreswan', title: 'ipsec.conf of Libreswan, and ipsec.secrets', write: exportLibreswan },
  { name: 'xfrm', title: 'ip xfrm policies of the Linux kernel, for ip -batch', write: exportXfrm },
]
