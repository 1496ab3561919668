//! Buffers and header maps: what can be read and changed in which phase, under each host's rules.

use super::nginx;
use super::rules::{Answered, Rules, Status, Step, buffer, map, trap};
use super::state::State;
use super::stream::{Fields, Stream};

impl State {
    pub fn buffer(&mut self, kind: u32, start: usize, max: usize) -> Answered<Vec<u8>> {
        let step = self.step;
        let bytes = match (kind, step) {
            (buffer::CONFIGURATION, Step::VmStart | Step::Configure) => {
                Some(self.settings.configuration.clone())
            }
            (buffer::CALL_RESPONSE_BODY, Step::CallResponse) => {
                self.response.as_ref().map(|response| response.body.clone())
            }
            (buffer::REQUEST_BODY, Step::RequestBody) => {
                self.stream().map(|stream| stream.body.clone())
            }
            (buffer::RESPONSE_BODY, Step::ResponseBody) => {
                self.stream().map(|stream| stream.response_body.clone())
            }
            _ => None,
        };
        match bytes {
            Some(bytes) => {
                let rest = bytes.get(start..).unwrap_or_default();
                Ok(Ok(rest.get(..max).unwrap_or(rest).to_vec()))
            }
            None if self.rules() == Rules::Nginx => {
                trap(format!("buffer {kind} can't be read in {step:?}"))
            }
            None => Ok(Err(Status::NotFound)),
        }
    }

    /// A response's body may be replaced during the callback that delivers it.
    pub fn set_buffer(&mut self, kind: u32, start: usize, size: usize, new: &[u8]) -> Answered<()> {
        if (kind, self.step) != (buffer::RESPONSE_BODY, Step::ResponseBody) {
            return Ok(Err(Status::BadArgument));
        }
        let Some(stream) = self.stream() else {
            return Ok(Err(Status::BadArgument));
        };
        let body = &mut stream.response_body;
        let start = start.min(body.len());
        let end = start.saturating_add(size).min(body.len());
        body.splice(start..end, new.iter().copied());
        Ok(Ok(()))
    }

    /// The map of that kind, while it can be read.
    fn map(&mut self, kind: u32) -> Answered<&mut Fields> {
        let (rules, step, is_root) = (self.rules(), self.step, self.effective == self.root);
        let fields = match (kind, step) {
            (map::CALL_RESPONSE, Step::CallResponse) => {
                let fields = self.response.as_mut().map(|response| &mut response.headers);
                if fields.as_ref().is_some_and(|fields| fields.is_empty()) && rules == Rules::Envoy
                {
                    return trap("the headers of a call that failed midway were read");
                }
                fields
            }
            (map::REQUEST, _) if is_root => {
                if rules == Rules::Nginx {
                    return trap("the root read a request's headers");
                }
                None
            }
            (map::REQUEST, _) => {
                let stream = self.streams.get_mut(&self.effective);
                let readable = |stream: &&mut Stream| stream.is_open || step == Step::Log;
                stream.filter(readable).map(|stream| &mut stream.headers)
            }
            (map::RESPONSE, Step::ResponseHeaders | Step::ResponseBody | Step::Log) => {
                self.stream().map(|stream| &mut stream.response_headers)
            }
            _ => None,
        };
        Ok(fields.ok_or(Status::BadArgument))
    }

    pub fn pairs(&mut self, kind: u32) -> Answered<Fields> {
        let rules = self.rules();
        let fields = self.map(kind)?;
        if let (Rules::Nginx, Ok(fields)) = (rules, &fields) {
            nginx::may_read_pairs(fields.len())?;
        }
        Ok(fields.map(|fields| fields.clone()))
    }

    pub fn header(&mut self, kind: u32, name: &str) -> Answered<Vec<u8>> {
        let fields = match self.map(kind)? {
            Ok(fields) => fields,
            Err(status) => return Ok(Err(status)),
        };
        let found = fields
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        Ok(found
            .map(|(_, value)| value.clone())
            .ok_or(Status::NotFound))
    }

    /// Replaces a header with this value, or removes it if there is no value.
    pub fn set_header(&mut self, kind: u32, name: &str, value: Option<&[u8]>) -> Answered<()> {
        let rules = self.rules();
        if self.step == Step::Log {
            return match rules {
                Rules::Envoy => Ok(Err(Status::BadArgument)),
                Rules::Nginx => trap("a header was changed in on_log"),
            };
        }
        if (rules, kind) == (Rules::Nginx, map::REQUEST) {
            return self.set_header_on_nginx(name, value);
        }
        Ok(self.map(kind)?.map(|fields| {
            let at = fields
                .iter()
                .position(|(own, _)| own.eq_ignore_ascii_case(name));
            fields.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
            if let Some(value) = value {
                let at = at.unwrap_or(fields.len()).min(fields.len());
                fields.insert(at, (name.to_owned(), value.to_vec()));
            }
        }))
    }

    fn set_header_on_nginx(&mut self, name: &str, value: Option<&[u8]>) -> Answered<()> {
        let Some(stream) = self.stream() else {
            return trap("the root changed a request's headers");
        };
        if !stream.is_open {
            return trap("a header was changed after the request has gone upstream");
        }
        match value {
            Some(value) => stream.removed.set(&mut stream.headers, name, value),
            None => stream.removed.remove(&mut stream.headers, name),
        }
        Ok(Ok(()))
    }

    pub fn add_header(&mut self, kind: u32, name: &str, value: &[u8]) -> Answered<()> {
        let field = (name.to_owned(), value.to_vec());
        Ok(self.map(kind)?.map(|fields| fields.push(field)))
    }
}
