// How large an element or the window is, told again when that changes.
import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

export interface Size {
  readonly width: number
  readonly height: number
}

export function useSize(ref: RefObject<Element | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const element = ref.current
    if (element === null) return
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element
      setSize(last => (last.width === width && last.height === height ? last : { width, height }))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref])
  return size
}

export interface Screen extends Size {
  /** Pixels of one rem: letters grow with the screen. */
  readonly rem: number
}

export function useScreen(): Screen {
  const [size, setSize] = useState(screenNow)
  useLayoutEffect(() => {
    const measure = () => setSize(screenNow())
    addEventListener('resize', measure)
    return () => removeEventListener('resize', measure)
  }, [])
  return size
}

function screenNow(): Screen {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
  return { width: innerWidth, height: innerHeight, rem }
}
