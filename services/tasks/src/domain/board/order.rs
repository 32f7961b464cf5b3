//! The orders of a list of tasks, as AIP-132 writes them.

/// What a list goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// When a task was made.
    CreateTime,
    /// When it last changed.
    UpdateTime,
    /// When it is due; last of all without a time.
    DueTime,
    /// How much it presses.
    Priority,
}

/// An order: total, since what is equal goes by the time it was made, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What by.
    pub by: By,
    /// The greatest first.
    pub descending: bool,
}

impl Order {
    /// Newest first.
    pub const NEWEST: Self = Self { by: By::CreateTime, descending: true };

    const ALL: [(&'static str, By); 4] = [
        ("create_time", By::CreateTime),
        ("update_time", By::UpdateTime),
        ("due_time", By::DueTime),
        ("priority", By::Priority),
    ];

    /// Reads `order_by`: a field, and ` desc` behind it or not. Blanks do not matter. None if it is no order.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let Some(field) = words.next() else { return Some(Self::NEWEST) };
        let (_, by) = Self::ALL.into_iter().find(|(name, _)| *name == field)?;
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return None,
        };
        words.next().is_none().then_some(Self { by, descending })
    }

    /// The one way to write it.
    pub fn written(self) -> String {
        let name = Self::ALL.into_iter().find(|(_, by)| *by == self.by).map_or("", |(name, _)| name);
        format!("{name}{}", if self.descending { " desc" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_read_as_it_is_written() {
        for (_, by) in Order::ALL {
            for descending in [false, true] {
                let order = Order { by, descending };
                assert_eq!(Order::parse(&order.written()), Some(order));
            }
        }
        assert_eq!(Order::parse(""), Some(Order::NEWEST));
        assert_eq!(Order::parse("  due_time   asc "), Order::parse("due_time"));
        for wrong in [
            "title",
            "due_time up",
            "due_time desc asc",
            "due_time,priority",
            "-priority",
            "DUE_TIME",
            "desc",
        ] {
            assert_eq!(Order::parse(wrong), None, "{wrong}");
        }
    }
}
