// The forms in which a policy can be written, by their names: one row each.
import type { Exported, ExportOptions } from '../export/exported.ts'
import { exportLibreswan } from '../export/libreswan.ts'
import { exportSwanctl } from '../export/swanctl.ts'
import { exportXfrm } from '../export/xfrm.ts'
import type { Policy } from '../policy/model.ts'
import { writePolicyText } from '../policy/write-policy.ts'
import {
  exportAdvfirewall,
  exportIpsecpol,
  exportIpsecReg,
  exportNetsh,
  exportPowerShell,
  exportRulesJson,
  exportRulesReg,
} from './windows-formats.ts'

export interface PolicyFormat {
  readonly name: string
  /** What it is, for the list of forms. */
  readonly title: string
  /** What its file is called. */
  readonly file: string
  write(policy: Policy, options: ExportOptions): Exported
}

export const policyFormats: readonly PolicyFormat[] = [
  {
    name: 'yaml',
    file: 'policy.yaml',
    title: 'a policy file of sealwire',
    write: (policy, options) => ({ text: writePolicyText(policy, options), losses: [] }),
  },
  { name: 'swanctl', file: 'swanctl.conf', title: 'swanctl.conf of strongSwan', write: exportSwanctl },
  {
    name: 'libreswan',
    file: 'ipsec.conf',
    title: 'ipsec.conf of Libreswan, and ipsec.secrets',
    write: exportLibreswan,
  },
  {
    name: 'reg',
    file: 'ipsec-policy.reg',
    title: 'a .reg file of the IPsec policy of Windows 2000 to 2003',
    write: exportIpsecReg,
  },
  {
    name: 'netsh',
    file: 'ipsec-policy.cmd',
    title: 'the same policy as commands of netsh ipsec static',
    write: exportNetsh,
  },
  {
    name: 'ipsecpol',
    file: 'ipsecpol.cmd',
    title: 'the same as command lines of ipsecpol of Windows 2000',
    write: exportIpsecpol,
  },
  {
    name: 'rules-reg',
    file: 'connection-security-rules.reg',
    title: 'a .reg file of connection security rules of Windows Vista and later',
    write: exportRulesReg,
  },
  {
    name: 'advfirewall',
    file: 'connection-security-rules.cmd',
    title: 'the same rules as commands of netsh advfirewall',
    write: exportAdvfirewall,
  },
  {
    name: 'powershell',
    file: 'connection-security-rules.ps1',
    title: 'the same as a PowerShell script',
    write: exportPowerShell,
  },
  {
    name: 'rules-json',
    file: 'connection-security-rules.json',
    title: 'the same as Get-NetIPsecRule | ConvertTo-Json prints them',
    write: exportRulesJson,
  },
  {
    name: 'xfrm',
    file: 'policy.xfrm',
    title: 'ip xfrm policies of the Linux kernel, for ip -batch',
    write: exportXfrm,
  },
]
