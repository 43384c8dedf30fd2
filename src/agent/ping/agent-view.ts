// What a running agent knows that the wire does not show: what its policy asks for a ping, and the algorithms behind an
// SPI. Without an agent a ping tells what it saw, and no more.
import { type Address, formatAddress } from '../../base/address.ts'
import type { AgentStatus } from '../../monitor/agent-status.ts'
import { type Absent, ControlClient } from '../control-client.ts'
import type { Negotiating } from '../control-commands.ts'
import type { Answer } from '../control-protocol.ts'
import type { StateFolder } from '../state-folder.ts'
import type { KnownAssociation } from './match-echo.ts'

export interface AgentView {
  readonly policy: string
  /** What the policy asks for an echo to that host; undefined where the agent does not tell. */
  asks(): Promise<Negotiating | undefined>
  /** Undefined where the agent went away. */
  look(): Promise<AgentStatus | undefined>
  close(): void
}

export async function viewAgent(state: StateFolder, host: Address): Promise<AgentView | Absent> {
  const client = await ControlClient.connect(state)
  if (typeof client === 'string') return client
  const look = async () => valueIn<AgentStatus>(await client.ask({ kind: 'status' }))
  const status = await look()
  if (status === undefined) {
    client.close()
    return 'none'
  }
  const question = { host, protocol: undefined, sourcePort: undefined, destinationPort: undefined }
  return {
    policy: status.policy.name,
    asks: async () => valueIn<Negotiating>(await client.ask({ kind: 'negotiate', ...question })),
    look,
    close: () => client.close(),
  }
}

function valueIn<T>(answer: Answer): T | undefined {
  return answer.kind === 'fine' ? (answer.value as T) : undefined
}

export function associationsOf(status: AgentStatus | undefined): readonly KnownAssociation[] {
  return (status?.associations ?? []).map(({ spi, peerSpi, peer, algorithms, mode }) => ({
    ...{ spiIn: Number(spi), spiOut: Number(peerSpi), peer, algorithms, mode },
  }))
}

/** The policy's fall back to clear is in use towards that host now. */
export function fallsBack(status: AgentStatus | undefined, host: Address): boolean {
  const text = formatAddress(host)
  return status?.inClear.some(({ peer }) => peer === text) === true
}

/** An association seals what is sent to that host; the keys of a tunnel are another host's. */
export function hasKeys({ associations }: AgentStatus, host: Address): boolean {
  const text = formatAddress(host)
  return associations.some(({ peer, mode, isSending }) => isSending && (peer === text || mode === 'tunnel'))
}
