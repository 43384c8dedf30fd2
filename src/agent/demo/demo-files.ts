// What the demo leaves in a folder: a capture and a policy for each run, the keys of all runs in Wireshark's table, and a
// page that says how to look at them. The folder is new, empty, or one that a demo wrote: nothing else is overwritten.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import { demoHosts } from './demo-policies.ts'
import type { DemoRun } from './run-demo.ts'

const PAGE = 'README.md'
/** By this line a folder is known as one of the demo's. */
const TITLE = '# What stood on the wire, written by `sealwire demo`'

/** Makes the folder where it is not there. Throws only what nobody can help who calls a command. */
export function prepareFolder(folder: string): Result<undefined, Problem> {
  const problem = (what: string, hint: string) =>
    failure<Problem>({ severity: 'error', where: `--out ${folder}`, what, hint })
  try {
    mkdirSync(folder, { recursive: true })
    const names = readdirSync(folder)
    if (names.length === 0 || isOwn(folder, names)) return success(undefined)
    return problem('the folder holds files that no demo wrote', 'name a new folder, so that nothing is overwritten')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'EEXIST' || code === 'ENOTDIR') return problem('this is no folder', 'name a new folder')
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      return problem('nothing may be written there', 'name a folder of your own')
    throw error
  }
}

function isOwn(folder: string, names: readonly string[]): boolean {
  return names.includes(PAGE) && readFileSync(join(folder, PAGE), 'utf8').startsWith(`${TITLE}\n`)
}

/** Answers the names of the files, in the order in which they are told. */
export function writeDemo(folder: string, runs: readonly DemoRun[]): readonly string[] {
  const files = new Map<string, string | Uint8Array>()
  for (const { setting, capture, policyText } of runs) {
    files.set(`${setting.name}.pcapng`, capture)
    files.set(`${setting.name}.yaml`, policyText)
  }
  files.set('esp_sa', runs.map(run => run.espTable).join(''))
  files.set('preferences', preferences)
  files.set(PAGE, page(runs))
  for (const [name, content] of files) writeFileSync(join(folder, name), content)
  return [...files.keys()]
}

/** With the folder as Wireshark's own, the table is read and ESP is opened without a click. */
const preferences = [
  '# Written by `sealwire demo`: Wireshark opens ESP with the keys of esp_sa and checks every ICV.',
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
    'RSVP, broadcasts, multicasts), and one IKE packet that is made up, because the recording has none. TCP segments of more than',
    '1,400 octets were cut in two, as a host does that knows the path; larger datagrams are sealed whole and cut afterwards.',
    '',
    '| capture | Windows | NoDefaultExempt | packets | sealed | in clear |',
    '|---|---|---|---:|---:|---:|',
    ...rows,
    '',
    "Beside each capture stands its policy (`.yaml`), with the keys. `esp_sa` has the keys of all runs in the form of Wireshark's",
    'table of that name. These keys are for this demo only: who has the folder can read everything.',
    '',
    '## Look with Wireshark',
    '',
    'In this folder, with its own settings, so that yours stay as they are:',
    '',
    '```sh',
    'WIRESHARK_CONFIG_DIR=. wireshark no-default-exempt-1.pcapng',
    "WIRESHARK_CONFIG_DIR=. tshark -r no-default-exempt-1.pcapng -Y 'kerberos && esp'     # Kerberos, opened",
    'WIRESHARK_CONFIG_DIR=. tshark -r no-default-exempt-1.pcapng -Y esp.icv_bad==1         # nothing: every ICV is good',
    'tshark -r absent.pcapng -Y kerberos                                                  # Kerberos that needs no key',
    '```',
    '',
    'Or copy `esp_sa` to the folder of your profile (*Help, About Wireshark, Folders, Personal configuration*) and tick *Attempt to',
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
    `sealwire prove --policy absent.yaml --between ${dc1.address} ${dc2.address}`,
    'sealwire compare --policy absent.yaml --no-default-exempt 0 1',
    '```',
    '',
  ].join('\n')
}
