// strongSwan in a user-mode Linux guest: the kernel's ESP and AH in both modes. Its vici goes over the guest's second serial
// line, since Unix sockets do not cross the boundary.
import type { GuestMachine } from '../uml/guest-machine.ts'
import { STRONGSWAN, type StrongSwan, type StrongSwanSettings, strongSwanConf } from './strongswan.ts'
import { Vici } from './vici.ts'

export interface GuestStrongSwan extends StrongSwan {
  /** As after a loss of power: nobody is told. */
  kill(): Promise<void>
}

const folder = '/tmp/strongswan'

export async function startStrongSwanInGuest(
  guest: GuestMachine,
  settings: Partial<StrongSwanSettings> = {},
): Promise<GuestStrongSwan> {
  const [conf, socket, log, output] = ['strongswan.conf', 'vici', 'log', 'output'].map(file => `${folder}/${file}`)
  const text = strongSwanConf(`unix://${socket}`, log!, { esp: 'kernel', ...settings })
  await guest.ask({ do: 'write', path: conf!, text })
  const process = await guest.startProgram({ words: [STRONGSWAN], environment: { STRONGSWAN_CONF: conf! } }, output!)
  const read = async () => (await guest.readText(output!)) + (await guest.readText(log!))
  try {
    const vici = new Vici(await guest.attach(socket!))
    await vici.ask('version')
    const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
      vici.close()
      const fault = await guest.ask({ do: 'stop', process, signal })
      if (fault !== '') throw new Error(`strongSwan in the guest: ${fault}`)
      await guest.run({ words: ['rm', '-f', socket!] })
    }
    return { vici, log: read, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
  } catch (cause) {
    throw new Error(`strongSwan did not start in the guest:\n${await read()}`, { cause })
  }
}
