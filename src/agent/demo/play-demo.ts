// The demo from its recording to its runs, one after the other: the value is absent, 0 and 1 on Windows 2000, 2 and 3 on
// Windows Server 2003.
import { readFileSync } from 'node:fs'
import { choosePacketCrypto } from '../../crypto/packet-crypto.ts'
import { demoSettings } from './demo-policies.ts'
import { type DemoRun, demoScene, runDemo } from './run-demo.ts'

const recording = new URL('../../../examples/captures/two-domain-controllers.pcapng', import.meta.url)

/** The same seed gives the same captures, octet for octet. */
export async function* playDemo(seed: number): AsyncGenerator<DemoRun, void, undefined> {
  const crypto = choosePacketCrypto()
  const scene = demoScene(readFileSync(recording), seed)
  for (const setting of demoSettings) yield await runDemo(setting, scene, crypto, seed)
}
