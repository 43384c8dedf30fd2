// What the live demo leaves in a folder: tcpdump's capture of each phase, the policies of both hosts in it, the
// certificates that these name, and a page that says how to look at them. No keys: the agents tell them to nobody.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LiveRun } from './play-live-demo.ts'

const PAGE = 'README.md'
/** By this line a folder is known as one of the live demo's. */
export const LIVE_TITLE = '# What stood on a real wire, written by `sealwire demo --live`'

/** Answers the names of the files. */
export function writeLiveDemo(folder: string, runs: readonly LiveRun[]): readonly string[] {
  const files = new Map<string, string | Uint8Array>()
  for (const { phase, capture, files: texts } of runs) {
    files.set(`${phase.name}.pcap`, capture)
    for (const [name, text] of texts) files.set(name, text)
  }
  files.set(PAGE, page(runs))
  for (const [name, content] of files) writeFileSync(join(folder, name), content)
  return [...files.keys()]
}

function page(runs: readonly LiveRun[]): string {
  return [
    LIVE_TITLE,
    '',
    'Two network namespaces with a bridge between them, an agent on each, real programs; tcpdump stood at the bridge.',
    '',
    '| capture | what was done | packets |',
    '|---|---|---:|',
    ...runs.map(({ phase, packets }) => `| \`${phase.name}.pcap\` | ${phase.doing} | ${packets} |`),
    '',
    'Beside each stand the policies of the two hosts at that time (`.yaml`, `.dc2.yaml`), and the certificates that they name.',
    'The private keys are gone with the hosts. There are no keys of ESP or IKE: the agents tell them to nobody. Captures that',
    'come with keys are those of `sealwire demo --out`.',
    '',
    '```sh',
    'sealwire audit --policy absent.yaml absent.pcap',
    'sealwire audit --policy no-default-exempt-1.yaml no-default-exempt-1.pcap',
    'tshark -r absent.pcap -Y kerberos                  # readable',
    'tshark -r no-default-exempt-1.pcap -Y kerberos     # nothing',
    '```',
    '',
  ].join('\n')
}
