// Installs the Debian packages the lab needs, without letting any of their daemons start on this machine. Does nothing
// where they are installed. Leaves out removing them again: `apt-get autoremove` is the owner's decision.

import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { must, run } from './run.ts'

const packages = [
  ...['samba', 'samba-ad-provision', 'samba-dsdb-modules', 'samba-vfs-modules', 'winbind', 'smbclient'],
  ...['krb5-user', 'ldb-tools', 'ldap-utils', 'libsasl2-modules-gssapi-mit', 'bind9-dnsutils'],
  ...['tcpdump', 'tshark', 'ethtool', 'iproute2', 'iputils-ping', 'attr', 'acl', 'python3'],
  ...['nftables', 'nmap'],
  ...['nftables', 'dnsmasq-base'],
]

/** invoke-rc.d and deb-systemd-invoke ask this script before they start a service; 101 forbids it. */
const policy = '/usr/sbin/policy-rc.d'
const policyKept = '/usr/sbin/policy-rc.d.before-sealwire-lab'

export async function installPackages(): Promise<readonly string[]> {
  const missing = await missingPackages()
  if (missing.length === 0) return []
  // A file kept by a run that was killed is the owner's file: it comes first.
  if (existsSync(policyKept)) renameSync(policyKept, policy)
  if (existsSync(policy)) renameSync(policy, policyKept)
  try {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n')
    chmodSync(policy, 0o755)
    const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
    // The package lists of a machine that was just made are often absent or old: fetch them only then.
    if ((await run(install)).status !== 0) {
      await must(['apt-get', 'update'])
      await must(install)
    }
  } finally {
    rmSync(policy, { force: true })
    if (existsSync(policyKept)) renameSync(policyKept, policy)
  }
  return missing
}

/** Which of them are not installed. */
export async function missingPackages(): Promise<readonly string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const { output } = await run(['dpkg-query', '-W', '-f', '${Package} ${db:Status-Abbrev}\\n', ...packages])
  const installed = new Set(
    output
      .split('\n')
      .filter(line => / ii/.test(line))
      .map(line => line.split(' ')[0]),
  )
  return packages.filter(name => !installed.has(name))
}
