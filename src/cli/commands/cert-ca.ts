// `sealwire cert ca`: a small CA for trying things.
import { orderAuthority } from '../../agent/certificates/certificate-tool.ts'
import { unixSeconds } from '../../base/time.ts'
import { CertInput, certOptions, daysOption, tellMade } from '../cert-options.ts'
import { type CommandInput, type CommandSpec, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

const USUAL_DAYS = 3650

export const certCa: CommandSpec = {
  name: 'cert ca',
  summary: 'make a small CA for trying things',
  description:
    'Writes ca.pem, which every host gets, and ca.key, which only this CA needs and which only you may read. It signs hosts ' +
    'and no further CA, keeps no list of what it signed and revokes nothing: for a company, use a real one.',
  options: [
    {
      flags: '--name <name>',
      key: 'name',
      description: 'name of the CA, or a whole distinguished name',
      required: true,
    },
    { flags: '--out <folder>', key: 'out', description: 'where ca.pem and ca.key go', values: 'file', required: true },
    certOptions.keyType,
    daysOption(USUAL_DAYS),
    certOptions.force,
    jsonOption,
  ],
  examples: ['sealwire cert ca --name "Corp test CA" --out corp'],
  run: runCa,
}

function runCa(given: CommandInput, console: Console): number {
  const input = new CertInput(given)
  const at = unixSeconds()
  const order = {
    name: input.text('name') ?? '',
    folder: input.text('out') ?? '.',
    keyType: input.keyType(),
    days: input.days(USUAL_DAYS),
    force: input.flag('force'),
  }
  if (order.name.trim() === '') input.wrong('--name', 'it is empty', 'as in "Corp test CA"')
  if (input.problems.length > 0) {
    console.problems(input.problems)
    return WRONG_INPUT
  }
  return tellMade(orderAuthority(order, at), input, console, at)
}
