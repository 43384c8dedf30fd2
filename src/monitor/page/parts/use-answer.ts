// What the server answers to a question, asked again when the question or its occasion changes. An answer that comes after the
// next question was asked is not taken for its own.
import { useEffect, useState } from 'preact/hooks'
import type { Asker } from '../browser.ts'
import { refusalWords } from '../facts/fates.ts'

export type Answer<T> =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'fine'; readonly value: T; readonly path: string }
  | { readonly kind: 'refused'; readonly words: readonly string[] }

/** The server is of the same version as the page: the form of its answers is not checked again. */
export function useAnswer<T>(asker: Asker, path: string, occasion: unknown): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ kind: 'waiting' })
  useEffect(() => {
    let isWanted = true
    asker.ask(path).then(
      ({ code, value }) => {
        if (!isWanted) return
        setAnswer(
          code === 200
            ? { kind: 'fine', value: value as T, path }
            : { kind: 'refused', words: refusalWords(code, value) },
        )
      },
      () => isWanted && setAnswer({ kind: 'refused', words: ['The server is not reached.'] }),
    )
    return () => {
      isWanted = false
    }
  }, [asker, path, occasion])
  return answer
}
