//! Standard output: when nobody reads it any more (`| head`), the program ends without a word.

use std::io::Write;

/// Standard output, locked. Writing to a closed pipe ends the program.
pub(crate) struct Out(std::io::StdoutLock<'static>);

pub(crate) fn out() -> Out {
    Out(std::io::stdout().lock())
}

/// A line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::write_out(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

pub(crate) fn write_out(text: std::fmt::Arguments<'_>) {
    if let Err(error) = out().write_fmt(text) {
        eprintln!("error: standard output: {error}\n  try: check where it goes");
        std::process::exit(1);
    }
}

fn end_if_closed<T>(result: std::io::Result<T>) -> std::io::Result<T> {
    if let Err(error) = &result
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
    result
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        end_if_closed(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        end_if_closed(self.0.flush())
    }
}
