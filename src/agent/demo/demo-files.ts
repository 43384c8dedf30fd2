// What the demo leaves in a folder: for each run a capture and both hosts' policies, the certificates that these name, the
// keys of all runs in Wireshark's tables, and a page that says how to look at them. The folder is new, empty, or one that a
// demo wrote: nothing else is overwritten.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import { credentialFiles } from './demo-certificates.ts'
import { demoHosts } from './demo-policies.ts'
import type { DemoRun } from './run-demo.ts'

const PAGE = 'README.md'
/** By this line a folder is known as one of the demo's. */
const TITLE = '# What stood on the wire, written by `sealwire demo`'

/** Makes the folder where it is not there. `title`: the first line of the page by which one of an earlier run is known. Throws only what nobody can help who calls a command. */
export function prepareFolder(folder: string, title = TITLE): Result<undefined, Problem> {
  const problem = (what: string, hint: string) =>
    failure<Problem>({ severity: 'error', where: `--out ${folder}`, what, hint })
  try {
    mkdirSync(folder, { recursive: true })
    const names = readdirSync(folder)
    if (names.length === 0 || isOwn(folder, names, title)) return success(undefined)
    return problem('the folder holds files that no demo wrote', 'name a new folder, so that nothing is overwritten')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'EEXIST' || code === 'ENOTDIR') return problem('this is no folder', 'name a new folder')
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      return problem('nothing may be written there', 'name a folder of your own')
    throw error
  }
}

function isOwn(folder: string, names: readonly string[], title: string): boolean {
  return names.includes(PAGE) && readFileSync(join(folder, PAGE), 'utf8').startsWith(`${title}\n`)
}

/** Whoever has one of these reads the traffic, or passes for the host. */
const OWNER_ONLY = 0o600

/** Answers the names of the files, in the order in which they are told. */
export function writeDemo(folder: string, runs: readonly DemoRun[]): readonly string[] {
  const files = new Map<string, string | Uint8Array>()
  const secret = new Set(['esp_sa', 'ikev2_decryption_table'])
  for (const { setting, capture, policyFiles } of runs) {
    files.set(`${setting.name}.pcapng`, capture)
    for (const { name, text } of policyFiles) files.set(name, text)
  }
  for (const { name, text, isSecret } of credentialFiles(runs[0]!.authority)) {
    files.set(name, text)
    if (isSecret) secret.add(name)
  }
  files.set('esp_sa', runs.map(run => run.espTable).join(''))
  files.set('ikev2_decryption_table', runs.map(run => run.ikeTable).join(''))
  files.set('preferences', preferences)
  files.set(PAGE, page(runs))
  for (const [name, content] of files) {
    const path = join(folder, name)
    // A file that is there keeps its mode.
    if (secret.has(name)) rmSync(path, { force: true })
    writeFileSync(path, content, secret.has(name) ? { mode: OWNER_ONLY } : {})
  }
  return [...files.keys()]
}

/** With the folder as Wireshark's own, the tables are read and everything is opened without a click. */
const preferences = [
  '# Written by `sealwire demo`: Wireshark opens ESP with the keys of esp_sa and checks every ICV; IKE is opened with',
  '# those of ikev2_decryption_table, which needs no preference.',
  'esp.enable_encryption_decode: TRUE',
  'esp.enable_authentication_check: TRUE',
  '',
].join('\n')

function page(runs: readonly DemoRun[]): string {
  const [dc1, dc2] = demoHosts
  const rows = runs.map(({ setting, policy, packets, kinds }) => {
    const sealed = kinds.reduce((sum, kind) => sum + kind.sealed, 0)
    return `| \`${setting.name}.pcapng\` | ${policy.profile.title} | ${setting.title} | ${packets} | ${sealed} | ${packets - sealed} |`
  })
  const uat = runs
    .find(({ setting }) => setting.noDefaultExempt === 1)!
    .espTable.trimEnd()
    .split('\n')
  const options = uat.map(line => `  -o 'uat:esp_sa:${line}' \\`)
  return [
    TITLE,
    '',
    `Two domain controllers, ${dc1.name} ${dc1.address} and ${dc2.name} ${dc2.address}, and the policy "everything between the two", on a`,
    'simulated wire. They say what two real Samba controllers said when they were recorded (Kerberos, LDAP, RPC, SMB, DNS, ping,',
    'RSVP, broadcasts, multicasts), and agree on their keys by IKEv2, with certificates of a small CA; lifetimes are so short that',
    'keys of both kinds are renewed. TCP segments of more than 1,400 octets were cut in two, as a host does that knows the path;',
    'larger datagrams are sealed whole and cut afterwards.',
    '',
    '| capture | Windows | NoDefaultExempt | packets | sealed | in clear |',
    '|---|---|---|---:|---:|---:|',
    ...rows,
    '',
    `Beside each capture stand the policies of ${dc1.name} (\`.yaml\`) and ${dc2.name} (\`.${dc2.name}.yaml\`). They differ in whose certificate they name:`,
    `\`ca.pem\` is the CA, \`${dc1.name}.pem\` and \`${dc2.name}.pem\` are theirs, \`${dc1.name}.key\` and \`${dc2.name}.key\` the private keys,`,
    'which only their owner may read. They are as good as any for trying two hosts, and no good for anything else: they come from',
    'the seed, so whoever runs the demo has the same. The key of the CA is not kept.',
    '',
    '`esp_sa` and `ikev2_decryption_table` have the keys of all runs in the form of the tables that Wireshark calls so: who has',
    'them can read everything.',
    '',
    '## Look with Wireshark',
    '',
    'In this folder, with its own settings, so that yours stay as they are:',
    '',
    '```sh',
    'WIRESHARK_CONFIG_DIR=. wireshark no-default-exempt-1.pcapng',
    "WIRESHARK_CONFIG_DIR=. tshark -r no-default-exempt-1.pcapng -Y 'kerberos && esp'     # Kerberos, opened",
    'WIRESHARK_CONFIG_DIR=. tshark -r no-default-exempt-1.pcapng -Y esp.icv_bad==1         # nothing: every ICV is good',
    'WIRESHARK_CONFIG_DIR=. tshark -r no-default-exempt-1.pcapng -Y isakmp -O isakmp        # IKE, opened',
    'tshark -r absent.pcapng -Y kerberos                                                  # Kerberos that needs no key',
    '```',
    '',
    'Or copy both tables to the folder of your profile (*Help, About Wireshark, Folders, Personal configuration*) and tick *Attempt to',
    'detect/decode encrypted ESP payloads* and *Attempt to Check ESP Authentication* under *Preferences, Protocols, ESP*.',
    'Or in one command, without any file (the keys of no-default-exempt-1):',
    '',
    '```sh',
    'tshark -r no-default-exempt-1.pcapng -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \\',
    ...options,
    '  -Y kerberos',
    '```',
    '',
    '## Ask sealwire',
    '',
    '```sh',
    'sealwire audit --policy absent.yaml absent.pcapng',
    'sealwire audit --policy no-default-exempt-1.yaml no-default-exempt-1.pcapng',
    'sealwire policy pair no-default-exempt-1.yaml no-default-exempt-1.dc2.yaml',
    'sealwire cert show --ca ca.pem dc1.pem',
    `sealwire prove --policy absent.yaml --between ${dc1.address} ${dc2.address}`,
    'sealwire compare --policy absent.yaml --no-default-exempt 0 1',
    '```',
    '',
  ].join('\n')
}
