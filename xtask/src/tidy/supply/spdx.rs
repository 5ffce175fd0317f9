//! SPDX licence expressions: `AND` binds stronger than `OR`, `WITH` belongs to its licence, an old `/` means `OR`.

/// Longer than any real one; the bound keeps nesting bounded too.
const MAX_TOKENS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Open,
    Or,
    And,
}

/// Whether the allowed licences are enough to use what is under this expression.
pub(super) fn permits(expression: &str, allowed: impl Fn(&str) -> bool) -> Result<bool, &'static str> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    if tokens.len() > MAX_TOKENS {
        return Err("too long");
    }
    let mut evaluation = Evaluation { values: Vec::new(), operators: Vec::new(), wants_value: true };
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            "OR" => evaluation.operator(Operator::Or)?,
            "AND" => evaluation.operator(Operator::And)?,
            "(" => evaluation.open()?,
            ")" => evaluation.close()?,
            "WITH" => return Err("WITH without a licence before it"),
            licence if tokens.next_if_eq(&"WITH").is_some() => {
                let exception = tokens.next().ok_or("WITH without an exception")?;
                evaluation.value(allowed(&format!("{licence} WITH {exception}")))?;
            }
            licence => evaluation.value(allowed(licence))?,
        }
    }
    evaluation.end()
}

/// Two stacks; no recursion.
struct Evaluation {
    values: Vec<bool>,
    operators: Vec<Operator>,
    wants_value: bool,
}

impl Evaluation {
    fn value(&mut self, value: bool) -> Result<(), &'static str> {
        self.expect_value(true)?;
        self.values.push(value);
        self.wants_value = false;
        Ok(())
    }

    fn operator(&mut self, operator: Operator) -> Result<(), &'static str> {
        self.expect_value(false)?;
        while self
            .operators
            .last()
            .is_some_and(|top| *top != Operator::Open && (*top == Operator::And || operator == Operator::Or))
        {
            self.apply()?;
        }
        self.operators.push(operator);
        self.wants_value = true;
        Ok(())
    }

    fn open(&mut self) -> Result<(), &'static str> {
        self.expect_value(true)?;
        self.operators.push(Operator::Open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        self.expect_value(false)?;
        while self.operators.last().is_some_and(|top| *top != Operator::Open) {
            self.apply()?;
        }
        self.operators.pop().map(|_| ()).ok_or("a parenthesis is closed that was not opened")
    }

    fn end(mut self) -> Result<bool, &'static str> {
        self.expect_value(false)?;
        while !self.operators.is_empty() {
            self.apply()?;
        }
        self.values.pop().ok_or("it is empty")
    }

    fn apply(&mut self) -> Result<(), &'static str> {
        let operator = self.operators.pop();
        match (operator, self.values.pop(), self.values.pop()) {
            (Some(Operator::Or), Some(b), Some(a)) => self.values.push(a || b),
            (Some(Operator::And), Some(b), Some(a)) => self.values.push(a && b),
            _ => return Err("a parenthesis is not closed"),
        }
        Ok(())
    }

    fn expect_value(&self, wanted: bool) -> Result<(), &'static str> {
        match self.wants_value == wanted {
            true => Ok(()),
            false if wanted => Err("an operator is missing"),
            false => Err("a licence is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::permits;

    fn judge(expression: &str) -> Result<bool, &'static str> {
        permits(expression, |licence| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence))
    }

    #[test]
    fn expressions_mean_what_spdx_says() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND ISC", true),
            ("MIT OR ISC AND GPL-3.0", true),
            ("GPL-3.0 AND ISC OR MIT", true),
            ("(MIT OR ISC) AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND (GPL-3.0 OR ISC)", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("MIT WITH LLVM-exception", false),
        ] {
            assert_eq!(judge(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        let long = "MIT OR ".repeat(40) + "MIT";
        for expression in ["", "OR", "MIT ISC", "MIT OR", "(MIT", "MIT)", "()", "MIT WITH", "WITH MIT", long.as_str()] {
            assert!(judge(expression).is_err(), "{expression}");
        }
    }
}
