// Writes test/interop/ike/recorded/ anew where it is told `write`: a capture of each scenario that is kept, and what strongSwan logged of its
// secrets. They are keys of a lab that is gone.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CaptureWriter } from '../../../src/wire/capture-writer.ts'
import { LabExchanges, psk, scenarios } from './lab-exchanges.ts'

const ETHERNET = 1
const kept = [
  ...['psk-aes-cbc-x25519', 'psk-3des-sha1-modp1024', 'psk-aes-ctr-xcbc-modp2048', 'psk-aes-ccm-modp1536'],
  ...['rsa-gcm-ecp256', 'rsa-pss-fragments', 'ecdsa-256-chacha', 'ed25519'],
]

if (process.argv[2] === 'write') await record()

async function record(): Promise<void> {
  const lab = new LabExchanges()
  await lab.start()
  try {
    const secrets: Record<string, object> = {}
    for (const scenario of scenarios.filter(({ name }) => kept.includes(name))) {
      const { frames, secrets: logged } = await lab.run(scenario)
      secrets[scenario.name] = scenario.key === undefined ? { psk, ...logged } : logged
      const parts: Uint8Array[] = []
      const writer = new CaptureWriter(bytes => parts.push(bytes.slice()), [ETHERNET])
      for (const [index, frame] of frames.entries()) writer.frame(frame, 1_700_000_000, 1_000_000 * index)
      writeFileSync(join(import.meta.dirname, 'recorded', `${scenario.name}.pcapng`), Buffer.concat(parts))
    }
    writeFileSync(join(import.meta.dirname, 'recorded', 'secrets.json'), `${JSON.stringify(secrets, undefined, 2)}\n`)
  } finally {
    await lab.stop()
  }
}
